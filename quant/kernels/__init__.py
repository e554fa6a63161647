"""Kernels of the integer engine: one module for each kind of device, all with the same functions.

``interface`` says what they compute, ``reference`` does it in plain torch on any device, ``cpu`` fast on x86 and
``cuda`` on NVIDIA GPUs; ``choice`` finds those that serve a device.
``entry`` is what rows go through before they are quantized, the weight's as the activation's.
``tiles`` is the order in which codes are kept.
``convolutions`` are those of the decoder, for full precision and every variant alike.
"""

__all__ = ["choice", "convolutions", "entry", "interface", "tiles"]
