"""FLUX: one set of nodes, whoever serves the models."""
