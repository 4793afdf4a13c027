"""Masks: found, refined, and made for outpainting."""
