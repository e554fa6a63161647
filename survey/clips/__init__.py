"""Clips: the manifest of a study's clips, what made them, and what must be right before anybody hears them.

The launch gate reads sound: import it where clips are judged. `level` and `sizes` measure sound and files for it and
for the import of own clips; `cells` says which clips a study needs, `length` how long a session of them takes.
"""

__all__ = ["cells", "gate", "length", "level", "manifest", "recipes", "sizes", "twins"]
