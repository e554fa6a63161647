"""Accounts: who of the researchers is who, what each role may do, and the log of what they did.

Nothing here knows what the pages show: it says whose they are. Passwords are hashed by argon2, codes are those of
authenticator apps.
"""

__all__ = ["log", "own", "pages", "passwords", "roles", "shell"]
