"""Imports: audio files that were made elsewhere, brought to one format and level without touching the originals.

`decode` opens a file, `convert` brings it to the study's rate and channels, `finish` aligns the clips of one prompt
and makes their files, and `importing` does all of a source on every core. `plan` says beforehand which file becomes
which clip, and refuses what does not fit.
"""

__all__ = ["decode", "finish", "importing", "plan"]
