"""Rendering: from a prompt and a seed to a clip.

Sampling and its CUDA graphs, the low anchor, the finishing that makes conditions comparable, a clip's recipe, and
calibrating, which samples too.
"""

__all__ = ["anchor", "calibrate", "clips", "length", "loudness", "recipe", "sampling", "together"]
