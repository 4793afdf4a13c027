"""Stable Diffusion 3.5 on this machine, behind the host's own MODEL, CLIP and VAE."""
