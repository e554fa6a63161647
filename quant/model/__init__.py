"""Model: how a text-to-audio model is built and loaded, and the exact savings that all conditions share.

Only ``upstream`` imports stable-audio-tools and k-diffusion.
"""

__all__ = [
    "attention",
    "autoencoder",
    "devices",
    "loading",
    "log_mel",
    "memory",
    "sentence",
    "text_encoder",
    "upstream",
    "window",
]
