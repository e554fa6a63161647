"""The kernels' C++: products, passes between them, attention and the decoder's convolutions, for x86.

``library`` compiles the sources beside it with the machine's own compiler when they are first needed and keeps the
result; without a compiler, or on another processor, there is none and torch computes instead.
"""

__all__ = ["library", "products"]
