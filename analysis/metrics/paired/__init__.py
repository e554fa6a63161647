"""Paired: metrics of clips against their full-precision twins from the same noise, one file a metric.

Each file's docstring is its convention.
"""

__all__ = ["cdpam", "cosines", "log_mel_distance", "visqol"]
