"""Output: what is said on the terminal and in the log. Whatever names, files and requests hold, it stays plain text.

A terminal obeys control characters, and a line break in a log forges a line.
"""

__all__ = ["terminal"]
