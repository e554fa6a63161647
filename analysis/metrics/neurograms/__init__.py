"""Neurograms: what the ear's filters make of a sound, and how alike two such pictures are: the stages of ViSQOL.

They know arrays of samples and of decibels, no clip and no file but the regression's; `paired/visqol.py` joins them.
"""

__all__ = ["alignment", "gammatone", "matching", "regression"]
