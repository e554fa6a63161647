"""Metrics: what machines say of clips, as one table with what people said of them.

A metric is a file under `paired/` or `unpaired/` and a line of `registry.py`; its docstring is its convention.
"""

__all__ = ["agreement", "board", "measured", "measuring", "people", "registry"]
