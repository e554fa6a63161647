"""Config: study.yaml as it is read, checked and frozen.

`study` holds all of it, `clips`, `rendering` and `session` its larger sections with the limits of their keys.
`reading` reads a file by them with pydantic, `together` refuses what does not fit beside each other, and `wording`
translations that do not fit the words of the study. `revision` freezes a part, `schema` writes the keys for editors.
"""

__all__ = ["clips", "reading", "revision", "session", "study", "wording"]
