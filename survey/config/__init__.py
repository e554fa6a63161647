"""Config: study.yaml as it is read, checked and frozen.

`study` holds all of it, `rendering`, `session` and `items` (what is asked beside the clips) its larger sections with
the limits of their keys. `reading` reads a file by them with pydantic, `together` and `branching` refuse what does not
fit beside each other, `revision` freezes a part, and `schema` writes the keys down for editors.
"""

__all__ = ["branching", "items", "reading", "revision", "session", "study"]
