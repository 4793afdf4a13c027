"""Words before the picture."""
