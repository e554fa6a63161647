"""In ONNX Runtime: dynamic int8, of the transformer as torch exports it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.common.rounds import THREADS
from benchmarks.peers.plain import Answer, Asked, Plain

NAMES = ["x", "t", "context", "facts"]


def onnxruntime_int8(plain: Plain, asked: Sequence[Asked]) -> Answer:
    """Export, quantize the weights per channel and activations per tensor as they come, and open a session."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as name:
        full, small = Path(name) / "full.onnx", Path(name) / "int8.onnx"
        with torch.no_grad():
            torch.onnx.export(plain, asked[0], str(full), input_names=NAMES, dynamo=True, verbose=False)
        quantize_dynamic(full, small, weight_type=QuantType.QInt8, per_channel=True, use_external_data_format=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(small, options, providers=["CPUExecutionProvider"])

    def answer(x: Tensor, t: Tensor, context: Tensor, facts: Tensor) -> Tensor:
        given = dict(zip(NAMES, (x, t, context, facts), strict=True))
        known = {one.name for one in session.get_inputs()}
        (found,) = session.run(None, {key: value.numpy() for key, value in given.items() if key in known})
        return torch.from_numpy(found)

    return answer
