"""Sources: folders and tables of audio files that were made elsewhere, read as names alone.

`rows` says what a clip is in them, `tree` and `table` read one of the two, `checks` finds what cannot be used, and
`listing` puts these together. `prompts` reads a table of prompts alone. No sound is opened here.
"""

__all__ = ["listing", "prompts", "rows"]
