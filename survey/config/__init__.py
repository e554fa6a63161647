"""Config: study.yaml as it is read, checked and frozen.

`study` holds all of it, `clips`, `rendering` and `session` its larger sections with the limits of their keys.
`reading` reads a file by them with pydantic, `together` refuses what does not fit beside each other, `revision`
freezes a part, and `schema` writes the keys down for editors.
"""

__all__ = ["clips", "reading", "revision", "session", "study"]
