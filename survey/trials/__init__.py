"""Trials: who hears what in which order, what is asked of it, and which answers pass.

The types of question stand in `questions`, the plan of a session in `design`, and what an answer proves about attention
and hearing in `quality` and `listening`.
"""

__all__ = ["design", "foils", "listening", "pairs", "quality", "question", "questions", "scale", "stimulus"]
