"""Access: who of the researchers is logged in, and how often something may be tried.

Nothing here knows of participants' answers.
"""

__all__ = ["attempts", "logins"]
