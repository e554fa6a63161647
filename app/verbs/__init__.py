"""Verbs: what the command line does, each verb in a file of its name.

They stand in rooms along the way of the data: of a study, of its clips, and of its results. Each has `options` for
its parser and `run`, and imports what it needs when it is run.
"""

__all__ = ["bench", "options", "test"]
