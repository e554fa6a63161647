"""Results: the verbs on the way from ratings to what they prove, and how many it takes.

Export leaves out what is private, and an analysis is made of such an export alone.
"""

__all__ = ["analyze", "export", "given", "plan", "spoken", "tables"]
