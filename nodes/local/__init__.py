"""Pictures and masks made on this machine."""
