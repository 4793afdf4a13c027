"""Any model of a marketplace, by name: next month's model needs no release of ours."""
