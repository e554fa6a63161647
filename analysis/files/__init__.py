"""Files: tables in formats other than CSV, read as text and written.

Workbooks, Parquet and JSON say themselves where their cells end; what stands in them becomes text as CSV would have it.
"""

__all__ = ["parquet", "records", "workbooks", "writing"]
