"""Earmark's web pages and command line."""

__version__ = "0.1.0"
