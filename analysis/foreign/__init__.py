"""Foreign: tables that other tools wrote, recognised and mapped to the columns of ratings.csv.

What was taken for what is said, and can be overridden by the options of an analysis.
"""

__all__ = ["options", "tidying"]
