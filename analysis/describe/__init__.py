"""Describe: what the ratings look like before anything is tested.

Means with their intervals, agreement of the raters, whom the screening points at, and what participants went through.
"""

__all__ = ["opinion", "protocol", "raters", "reliability", "scale", "screening"]
