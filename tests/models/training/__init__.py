"""How the small models of the tests were trained: from drawings made here, on a CPU, within hours. Run ``train.py``."""
