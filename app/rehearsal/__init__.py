"""Rehearsal: a study seen as its participants see it, by a researcher, of which the study's own database knows nothing.

Researchers know it as the preview at /admin/preview. In code it has a word of its own, since a panel's preview is
somebody from outside who only looks: see app/live/panels.py.
"""

__all__ = ["pages", "scratch", "stage"]
