"""In torch: torchao's dynamic int8, compiled, and optimum-quanto's, each with activations in fp32 or bf16."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from benchmarks.peers.plain import Answer, Asked, Plain, without_gradients

FUSED = ["*to_qkv", "*to_kv"]
"""Activations of these stay as they are: quanto cannot split the quantized result of one."""


def _layers(plain: Plain) -> Any:
    transformer: Any = plain.dit.transformer
    return transformer.layers


def as_it_is(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """Full precision."""
    return without_gradients(plain)


def torchao_fp32(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """Quantize with torchao, in place, and compile the blocks."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    quantize_(_layers(plain), Int8DynamicActivationInt8WeightConfig())
    for block in _layers(plain):
        block.compile()
    return without_gradients(plain)


def torchao_bf16(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """The same, bf16 between the products."""
    return torchao_fp32(_narrow(plain), asked)


def quanto_w8_fp32(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """Quantize the weights with quanto, in place."""
    from optimum.quanto import freeze, qint8, quantize

    quantize(_layers(plain), weights=qint8)
    freeze(_layers(plain))
    return without_gradients(plain)


def quanto_w8_bf16(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """The same, bf16 between the products."""
    return quanto_w8_fp32(_narrow(plain), asked)


def quanto_w8a8_fp32(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """Quantize weights, and activations but for those of fused projections, with quanto, in place."""
    from optimum.quanto import Calibration, freeze, qint8, quantize

    quantize(_layers(plain), weights=qint8, activations=qint8, exclude=FUSED)
    quantize(_layers(plain), weights=qint8, include=FUSED)
    answer = without_gradients(plain)
    with torch.no_grad(), Calibration():
        for one in asked:
            answer(*one)
    freeze(_layers(plain))
    return answer


def quanto_w8a8_bf16(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """The same, bf16 between the products."""
    return quanto_w8a8_fp32(_narrow(plain), asked)


def _narrow(plain: Plain) -> Plain:
    """The same in bf16; the library's transformer takes its inputs in its own dtype."""
    narrow: nn.Module = plain.to(torch.bfloat16)
    assert isinstance(narrow, Plain)
    return narrow
