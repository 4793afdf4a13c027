"""What dev.py and the tests share. `cache`, `pythons`, `hosts` and `comfy` need the standard library only."""
