"""Clips: the manifest of a study's clips, what made them, and what must be right before anybody hears them.

The launch gate reads sound: import it where clips are judged.
"""

__all__ = ["gate", "manifest", "recipes", "twins"]
