"""Faults: the server and its database struck down under load, on a disk that fills up.

What was acknowledged has to be stored exactly once. The tests strike with the same driver, less often.
"""

__all__ = ["striking"]
