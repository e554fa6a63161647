"""Access: the researchers' accounts, who of them is logged in, and how often something may be tried.

Nothing here knows of participants' answers.
"""

__all__ = ["accounts", "attempts", "logins", "tables"]
