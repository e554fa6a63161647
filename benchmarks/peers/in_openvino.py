"""In OpenVINO: bf16, and int8 by NNCF's SmoothQuant for transformers, with static ranges."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.common.rounds import THREADS
from benchmarks.peers.plain import Answer, Asked, Plain


def _converted(plain: Plain, asked: Sequence[Asked]) -> Any:
    import openvino

    with torch.no_grad():
        converted = openvino.convert_model(plain, example_input=asked[0])
    shapes = [openvino.PartialShape(list(value.shape)) for value in asked[0]]
    converted.reshape(dict(zip(converted.inputs, shapes, strict=True)))
    return converted


def _compiled(converted: Any, precision: str) -> Answer:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    request = openvino.Core().compile_model(converted, "CPU", settings).create_infer_request()

    def answer(x: Tensor, t: Tensor, context: Tensor, facts: Tensor) -> Tensor:
        found = request.infer([value.numpy() for value in (x, t, context, facts)])
        return torch.from_numpy(found[0].copy())

    return answer


def openvino_bf16(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """Compile in bf16."""
    return _compiled(_converted(plain, asked), "bf16")


def openvino_int8(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """Quantize with NNCF, calibrated on what is asked, and compile; what is not int8 is bf16."""
    import nncf

    converted = _converted(plain, asked)
    examples = nncf.Dataset([[value.numpy() for value in one] for one in asked])
    made = nncf.quantize(converted, examples, subset_size=len(asked), model_type=nncf.ModelType.TRANSFORMER)
    return _compiled(made, "bf16")
