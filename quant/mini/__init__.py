"""The embedded model: a small text-to-audio DiT with its latents, its text encoder and how it was trained."""
