"""Researcher: the page at which a study is rendered, watched and reported on, and its login, its files and its jobs.

Work of more than a moment runs in a process of its own, so that no participant waits for it.
"""

__all__ = ["files", "helpers", "jobs", "login", "metrics", "overview", "page", "pages", "states"]
