"""Midjourney, through the gateway that the operator chose: Midjourney itself sells no public API."""
