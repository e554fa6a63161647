"""Common: what benchmarks share.

How they tell their figures, the machine and the versions.
"""
