"""Pretrained: where a model's files are, what its configuration asks for, and the tensors in its weight files.

Finding the files and checking the configuration takes no torch, so that a folder that will not do is refused at once.
Nothing is unpickled.
"""

__all__ = ["conditioning", "configuration", "folder", "state", "tables"]
