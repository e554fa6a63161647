"""Clues: what the names and the cells of a foreign table say of themselves, whatever tool wrote it.

Names of columns are matched to ours, cells told to be scores or not, names of files parted into condition and prompt.
"""

__all__ = ["headers", "paths", "pick", "taken", "values"]
