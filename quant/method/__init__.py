"""Method: the mathematics of the paper, which knows tensors and no model.

Variants, calibration's ranges and samples, smoothing, codes, groups of timesteps and the low-rank branch; it imports
no other room.
"""

__all__ = [
    "calibration",
    "feedback",
    "grouping",
    "int4",
    "lowrank",
    "per_group",
    "primitives",
    "samples",
    "smoothing",
    "timesteps",
    "variants",
]
