"""The Triton kernels of the integer engine: what makes tokens, and what multiplies them.

They run on NVIDIA GPUs, and in Triton's interpreter anywhere, which is how they are tested without one.
"""

__all__ = ["products", "tokens"]
