"""Config: study.yaml as it is read, checked and frozen.

`study` holds all of it; `clips`, `rendering`, `session` and `items` (what is asked beside the clips) its larger
sections with the limits of their keys. `reading` reads a file by them with pydantic; `together`, `branching` and
`wording` refuse what does not fit beside each other. `revision` freezes a part, `schema` writes the keys for editors.
"""

__all__ = ["clips", "items", "reading", "revision", "session", "study", "wording"]
