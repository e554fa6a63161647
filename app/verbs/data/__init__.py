"""Data: the verbs that keep what a study's people gave, bring it back, and delete it.

None of them changes the study itself; all work while it is served.
"""

__all__ = ["backup", "purge", "restore"]
