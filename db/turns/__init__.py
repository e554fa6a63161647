"""Turns: how writers of one process queue up before a database that takes one at a time.

The lock knows nothing of databases; db/engine.py has one for each.
"""

__all__ = ["turn"]
