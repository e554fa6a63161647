"""Unpaired: metrics of clips against a text or a reference set, one file a metric.

Each file's docstring is its convention.
"""

__all__ = ["clap_score"]
