"""Plan: how likely a design of raters and prompts is to show what it should, and the cheapest that suffices.

The spread of the scores is assumed or estimated from a pilot.
"""

__all__ = ["components", "designs", "page", "power"]
