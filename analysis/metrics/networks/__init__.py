"""Networks: what metrics hear with, each with its own front end, built here and filled with published weights.

torch is imported here, and in no other room of the analysis.
"""

__all__ = ["aisfx", "cdpam", "clap", "openl3", "passt", "published_files"]
