"""Inspect: what activations look like, and which layers quantization hurts."""
