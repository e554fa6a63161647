"""Method: the mathematics of the paper, which knows tensors and no model.

Variants, calibration's ranges and samples, smoothing, codes, groups of timesteps, rotation and the low-rank branch; it
imports no other room.
"""

__all__ = [
    "calibration",
    "grouping",
    "int4",
    "lowrank",
    "per_group",
    "primitives",
    "ranges",
    "rotation",
    "samples",
    "smoothing",
    "timesteps",
    "variants",
]
