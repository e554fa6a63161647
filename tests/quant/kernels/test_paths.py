"""Every way that this machine can be held to multiplies exactly, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

MULTIPLY = """
import sys
import numpy as np, torch
from quant.kernels import cpu
from quant.kernels.interface import Tokens
rng = np.random.default_rng(int(sys.argv[1]))
for rows, inputs, outputs in ((1, 1, 1), (3, 257, 5), (7, 130, 97), (33, 64, 64), (50, 1536, 192), (216, 96, 65)):
    for extreme in (False, True):
        pick = (lambda shape: rng.choice([-127, 127], shape)) if extreme else lambda s: rng.integers(-127, 128, s)
        codes, weight = pick((rows, inputs)), pick((outputs, inputs))
        if extreme:
            codes[0], weight[0] = 127, 127
        given = torch.tensor(codes + 128, dtype=torch.uint8) if cpu.method() == "unsigned" else (
            torch.tensor(codes, dtype=torch.int8))
        packed = cpu.pack(torch.tensor(weight, dtype=torch.int8))
        found = cpu.product(Tokens(given, torch.ones(rows, 1)), packed, torch.ones(outputs), torch.float32)
        # Below 2 ** 24 float32 holds every integer; beyond it the sum is rounded once.
        assert np.array_equal(found.numpy(), (codes @ weight.T).astype(np.float32)), (rows, inputs, outputs, extreme)
print(cpu.method())
"""

HELD = {
    "as it is": {},
    "oneDNN to AVX512-VNNI": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
    "oneDNN to AVX512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "oneDNN to AVX2-VNNI": {"ONEDNN_MAX_CPU_ISA": "AVX2_VNNI"},
    "oneDNN to AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "torch to AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "all to AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "torch to no vectors": {"ATEN_CPU_CAPABILITY": "default"},
    "no compiler": {"PATH": ""},
    "no compiler, AVX512-VNNI": {"PATH": "", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
    "no compiler, AVX2": {"PATH": "", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
}


@pytest.mark.parametrize("held", HELD)
def test_sums_are_exact(held: str, generator: object) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2", **HELD[held]}
    ended = subprocess.run([sys.executable, "-c", MULTIPLY, str(seed)], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, f"seed {seed}: {ended.stderr}"
    taken = ended.stdout.split()[-1]
    if "AVX2" in held and "VNNI" not in held:
        # torch does not tell AVX-VNNI from AVX2, oneDNN does.
        assert taken in ("avx2", "float") or (taken == "avx_vnni" and held == "torch to AVX2")
    if "PATH" in HELD[held]:
        assert taken in ("signed", "unsigned", "float")
