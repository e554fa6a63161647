"""Tables: the parts of the documents that are made from the code, so that the two cannot differ.

``python -m docs.tables`` writes them, between markers in the pages; ``tests/test_tables.py`` compares. One file a
source: the command line, a study, models, metrics, the house and its figure.
"""

__all__ = ["house", "pages"]
