"""Table: a file of ratings as columns of text, whatever program wrote it.

What a spreadsheet made of it (its encoding, its separator, its decimal mark) is read as what it is, and said.
"""

__all__ = ["labels", "numbers", "reading", "table"]
