"""Method: the mathematics of the paper, which knows tensors and no model."""
