"""Participant: the page on which people listen and answer, and the routes behind it.

Each route answers with the whole state of the session, so that the page keeps none of its own. What it is told never
names a condition, a file or the study.
"""

__all__ = ["application", "arrival", "kiosk", "page", "visitor"]
