"""Report: the whole analysis of one file of ratings as data, and that data written as a page, as JSON and as figures.

The content knows nothing of how it is shown; methods, page and figures take it; one module writes them.
"""

__all__ = ["content", "files", "findings_page", "metrics_page", "page", "scales_page", "writing"]
