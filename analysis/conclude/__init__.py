"""Conclude: what the tests together allow one to say, and how many more raters would settle the rest.

The battery runs every test, a verdict is given for each condition, and a sequence says what may be declared early.
"""

__all__ = ["battery", "phrases", "sequential", "verdict"]
