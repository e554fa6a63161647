"""Config: study.yaml as it is read, checked and frozen.

`study` holds the sections with the limits of their keys, and `reading` reads a file by them with pydantic. `together`
refuses what does not fit beside each other, `revision` freezes a part, and `schema` writes the keys down for editors.
"""

__all__ = ["reading", "revision", "study"]
