"""Basis: what every metric knows: clips and their sound, networks that hear, and what a metric is.

Nothing here knows a metric by name, and nothing imports torch.
"""

__all__ = ["audio", "clips", "intervals", "metric", "networks", "published", "spectra"]
