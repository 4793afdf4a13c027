"""Ideogram: lettering and design, edits, and words for pictures, on all three generations of its API."""
