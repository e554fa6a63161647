"""Pretrained: where a model's files are, what its configuration asks for, its weight files, and adapters to them.

Finding the files and checking the configuration takes no torch, so that a folder that will not do is refused at once.
Nothing is unpickled.
"""

__all__ = ["adapter", "changes", "configuration", "fitting", "folder", "merging", "precision", "state", "training"]
