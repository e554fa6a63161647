"""Pretrained: where a model's files are, and the tensors in its weight files.

Finding the files takes no torch, so that a folder that will not do is refused at once.
Nothing is unpickled.
"""

__all__ = ["fitting", "folder", "header", "jsonfile", "precision", "state", "training"]
