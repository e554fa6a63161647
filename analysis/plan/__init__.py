"""Plan: how likely a design of raters and prompts is to show what it should, and the cheapest that suffices."""
