"""Records: what a study's answers cost those who read all of them.

Each benchmark makes a study of many answers first, which is not part of what is measured.
"""

__all__: list[str] = []
