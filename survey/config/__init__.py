"""Config: study.yaml as it is read, checked and frozen.

`study` holds all of it, `rendering` and `session` its larger sections with the limits of their keys. `reading` reads a
file by them with pydantic, `together` refuses what does not fit beside each other, and `wording` translations that do
not fit the study's words. `revision` freezes a part, and `schema` writes the keys down for editors.
"""

__all__ = ["reading", "revision", "session", "study", "wording"]
