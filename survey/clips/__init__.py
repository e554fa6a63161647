"""Clips: the manifest of a study's clips, and what must be right with them before anybody hears them."""
