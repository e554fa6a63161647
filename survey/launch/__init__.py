"""Launch: the protocol of what must be right before a study opens, and of what standards ask of it.

The gate in `clips` judges sound; here its findings become items beside those of the plan, of a panel's rules and of the
standards, each with what came of it and what is to be done. Nothing here reads sound.
"""

__all__ = ["clips", "panels", "plan", "protocol", "standards"]
