"""What the benchmark of Stable Diffusion 3.5 is made of."""
