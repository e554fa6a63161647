"""What the tabs of the researcher's page are made of.

`parts` are pieces that every tab has; `excluding` lets sessions count no more, also from the page of a session;
`linking` makes personal links and takes them back.
"""

__all__ = ["excluding", "linking", "parts"]
