"""Copies: the whole database as one file, taken while others write, and put back into an empty place.

A copy is SQLite's own file, or what pg_dump writes, of one moment, and so are the rows that are counted beside it.
"""

__all__ = ["copying"]
