"""Segment Anything: masks of what is clicked on, framed, or found in a picture."""
