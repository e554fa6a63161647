"""The embedded model: a small text-to-audio DiT with its latents, its text encoder and how it was trained.

Its weights lie here with the modules that make them (sounds, training), and the listener, a network that hears its
sounds, for metrics and for the tagger, which measures the model.
"""

__all__ = ["listener"]
