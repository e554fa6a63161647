"""Conclude: what the tests together allow one to say, and how many more raters would settle the rest."""
