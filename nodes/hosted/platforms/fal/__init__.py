"""fal: every endpoint stands behind one queue."""
