"""What came of a study, for those who watch and analyse it. Nothing here writes.

Whether a check was failed, and what cannot be true of an answer, is derived in judged.py.
"""

__all__ = ["results", "standing", "tallies", "tallying", "watching"]
