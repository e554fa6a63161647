"""Fronts: what networks that others trained take of a sound, as arrays and without torch.

Each file's docstring is its convention, with the source that it is held to.
"""

__all__ = ["aisfx", "clap", "openl3", "passt"]
