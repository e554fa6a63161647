"""Fuzzing: damaged and hostile files against every reader. A reader takes a file, or refuses it in one line.

`targets` names the readers with files to begin from, `mutate` damages a file; tests run a bounded number of them.
"""

__all__ = ["mutate", "targets"]
