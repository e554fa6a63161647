"""Archives: how long it takes to write a study as one file, to check it, and to put it somewhere else.

The study is of own clips, so that no model is needed, and its ratings go through the participant's own routes.
"""

__all__ = []
