"""Engine: quantized layers in place of a model's own, and the file that keeps them."""
