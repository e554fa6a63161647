"""Trials: what a participant hears and answers, in which order, and what a good answer is."""
