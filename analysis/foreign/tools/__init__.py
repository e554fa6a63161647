"""Tools: the files of listening tests and surveys of other tools, one file a tool, each known by its shape.

A recogniser takes a table's ratings or says by None that it is another tool's.
"""

__all__ = ["registry"]
