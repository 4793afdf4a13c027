"""The gateways' ways of speaking, one module each."""
