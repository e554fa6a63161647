"""Infer: one file a test, from ratings to rows with the same columns.

Every p value and interval of a report is made here; what they mean together is said in `conclude`.
"""

__all__ = ["bradley_terry", "clmm", "compare", "intervals", "lmm", "permutation", "signed_rank"]
