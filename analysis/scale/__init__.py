"""Scale: what scores can be given, as data, and the cells of a file read as such scores.

A scale comes from the file, from who analyses it, or where that is plain from the scores themselves.
"""

__all__ = ["rating_scale", "scores"]
