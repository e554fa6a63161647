"""Infer: one file a test, from ratings to rows with the same columns."""
