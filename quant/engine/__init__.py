"""Engine: quantized layers in place of a model's own, and the file that keeps them.

``registry`` says what each engine does; ``convert`` quantizes a model in place, ``checkpoint`` saves and loads one.
"""

__all__ = ["block", "checkpoint", "convert", "layer", "reference", "registry"]
