"""Inspect: what activations look like, and which layers quantization hurts.

The data of the paper's figures, the error of each layer and noise level against full precision, and their plots.
"""

__all__ = ["activations", "description", "pace", "plots", "sensitivity", "sizes", "target", "teacher", "velocity"]
