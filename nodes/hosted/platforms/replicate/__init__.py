"""Replicate: every model is a prediction that is begun, polled and fetched."""
