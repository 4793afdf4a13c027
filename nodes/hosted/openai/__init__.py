"""OpenAI: GPT Image, the DALL·E models, vision and moderation."""
