"""Metrics: the verbs that measure clips, and what they share.

What is measured, what it is compared with, the networks that hear it, and the sizes and seconds beside it.
"""

__all__ = ["measure", "table1"]
