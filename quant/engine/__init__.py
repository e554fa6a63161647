"""Engine: quantized layers in place of a model's own, and the file that keeps them.

``registry`` says what each engine does; ``convert`` quantizes a model in place, ``checkpoint`` saves and loads one,
``caching`` says which outputs are taken again.
"""

__all__ = ["block", "caching", "checkpoint", "convert", "layer", "reference", "registry"]
