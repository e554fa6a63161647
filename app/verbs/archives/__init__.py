"""Archives: a finished study as one file for others to read, check and analyse, and such a file read again.

What comes in is of strangers: names, sizes and hashes are held against what the archive says of itself.
"""

__all__ = ["archive", "reading", "verify"]
