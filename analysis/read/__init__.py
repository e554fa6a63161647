"""Read: what comes in, a CSV table of ratings or answers, checked line by line.

Who matches whom, when they answered, and what is known of the study beside it.
"""

__all__ = ["answers", "facts", "matched", "question", "ratings", "rows", "sheet", "times"]
