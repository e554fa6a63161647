"""Questions: the analysis of each type of question other than the five grades, one file a type.

The dispatch chooses it; all give findings of one shape.
"""

__all__ = ["abx", "dispatch", "findings", "mushra"]
