"""Rendering: from a prompt and a seed to a clip."""
