"""Estimate: the numerics of mixed models, which know arrays and no result row.

REML with its second derivatives, and the Laplace likelihood of ordinal answers.
"""
