"""Taking part: participants, their sessions, the trials that these hold, the answers and the log of the page.

A method of a class is one transaction; the functions work within one. What follows of an answer is in settling.py, and
what the page is told in standing.py.
"""

__all__ = ["answers", "events", "participants", "planning", "sessions", "settling", "trials"]
