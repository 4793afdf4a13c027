"""Marketplaces: many models behind one key. Families order through them, each in its own words."""
