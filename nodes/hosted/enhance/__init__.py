"""Pictures made larger, and cut out from their background: one node each, whoever serves the model."""
