"""Estimate: the numerics of variances and mixed models, which know arrays and no result row.

The linear mixed model by REML with its second derivatives, the Laplace likelihood of ordinal answers, and moments of
crossed factors.
"""

__all__ = ["fitted", "laplace", "mixed", "moments"]
