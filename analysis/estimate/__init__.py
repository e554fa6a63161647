"""Estimate: the numerics of variances and mixed models, which know arrays and no result row.

REML with its second derivatives, the Laplace likelihood of ordinal answers, and moments of crossed factors.
"""

__all__ = ["expansion", "fitted", "laplace", "moments", "patterns", "reml"]
