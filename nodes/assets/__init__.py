"""Files after the picture."""
