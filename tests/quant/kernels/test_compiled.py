"""What torch's compiler is told before the first function is compiled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

MANY_SHAPES = """
import torch
from quant.model import upstream
from quant.kernels.compiled import SHAPES, compiled

upstream.prepare()  # imports the library without the compiler
seen = []

def count(graph, inputs):
    seen.append(1)
    return graph.forward

real = torch.compile
torch.compile = lambda function, dynamic: real(function, backend=count, dynamic=dynamic)
double = compiled(lambda x: x * 2)
for size in range(1, 21):
    assert torch.equal(double(torch.ones(size)), torch.full((size,), 2.0))
print(len(seen), torch._dynamo.config.suppress_errors)
"""


def test_a_function_is_compiled_for_more_shapes_than_torchs_eight() -> None:
    """A model's layers have as many."""
    done = subprocess.run([sys.executable, "-c", MANY_SHAPES], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["20", "True"], done.stderr
