"""The embedded model: a small text-to-audio DiT with its latents, its text encoder and how it was trained.

Its weights lie here; the modules only make them: sounds, training, and the tagger that measures the result.
"""

__all__ = []
