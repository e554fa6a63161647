"""Speed: what `earmark bench quant` measured last, from the file that it wrote."""

import json
from typing import Any

from docs.tables.house import ROOT
from docs.tables.markdown import table

RESULTS = ROOT / "benchmarks" / "results" / "quant.json"

VARIANTS = (
    ("`sqs-w8a8`", "sqs_vs_fp32", None),
    ("`sqd-w8a8`, one group", None, "size_w8a8_gb"),
    ("`sqd-w8a8`, 8 groups in 100 steps", "sqd_vs_fp32", "size_w8a8_8_groups_gb"),
    ("`sqd-w8a8`, a group for every step", "sqd_exact_vs_fp32", None),
    ("`sqd-lora-w8a8`, rank 32, 8 groups", "sqd_lora_vs_fp32", None),
    ("`sqd-lora-w8a8`, rank 32, one group", None, "size_w8a8_lora_gb"),
    ("`sqd-w4a8`, one group", None, "size_w4a8_gb"),
    ("`sqd-lora-w4a8`, one group", None, "size_w4a8_lora_gb"),
)
PEERS = (
    ("torchao, int8 dynamic, compiled", "torchao"),
    ("optimum-quanto, int8", "quanto"),
    ("OpenVINO, int8 by NNCF", "openvino"),
    ("OpenVINO, bf16", "openvino_bf16"),
    ("ONNX Runtime, dynamic int8", "onnxruntime"),
)
HELD = (
    ("AVX2", "avx2_vs_fp32"),
    ("AVX-VNNI", "avx_vnni_vs_fp32"),
    ("AVX2, and AVX512-VNNI of half its width", "half_vnni_vs_fp32"),
    ("AVX512 without VNNI", "avx512_vs_fp32"),
    ("AVX512-VNNI", "avx512_vnni_vs_fp32"),
)


def measured() -> dict[str, Any]:
    """Read the last run; empty before the first."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return found


def speed(told: dict[str, Any]) -> str:
    """Write how fast the variants are at full size, and their files."""
    figures = told["figures"]
    rows = [(name, _number(told, fast, ""), _number(told, size, " GB")) for name, fast, size in VARIANTS]
    text = (
        f"fp32, as in stable-audio-tools, took {figures['fp32_s']:.2f} s a forward pass, bf16 with the exact savings "
        f"{figures['bf16_s']:.2f}, `sqd-w8a8` {figures['sqd_s']:.2f} ({figures['sqd_vs_bf16']:.1f} times as fast as "
        "bf16)."
    )
    if "floor_s" in figures:
        text += (
            f" In the same rounds the processor made {figures['peak_int8_tops']:.2f} 10^12 int8 operations a second "
            f"from registers and read {figures['peak_read_gb_s']:.1f} GB a second: the products would take "
            f"{figures['floor_s']:.2f} s at that, {figures['sqd_share_of_peak']:.0f} % of what `sqd-w8a8` takes in all."
        )
    return "\n\n".join((_when(told, "speed"), table(("variant", "times as fast as fp32", "checkpoint"), rows), text))


def peers(told: dict[str, Any]) -> str:
    """Write how fast `sqd-w8a8` is beside other libraries, and the error of each."""
    rows = [
        (
            name,
            _number(told, f"sqd_vs_{key}", ""),
            _number(told, f"{key}_vs_fp32", ""),
            _number(told, f"sqnr_{key}", " dB"),
        )
        for name, key in PEERS
    ]
    ours = ("`sqd-w8a8`", "1", "", _number(told, "sqnr_sqd_w8a8", " dB"))
    head = ("", "`sqd-w8a8` is times as fast", "times as fast as fp32", "SQNR of the velocity")
    text = f"A block's products alone, tokens quantized too, are {_number(told, 'products_vs_ggml', '')} times as fast"
    return "\n\n".join((_when(told, "peers"), table(head, [ours, *rows]), f"{text} as those of ggml's Q8_0."))


def held(told: dict[str, Any]) -> str:
    """Write what int8 gains where a process is held to fewer instructions."""
    rows = [(name, _number(told, key, "")) for name, key in HELD]
    head = ("held to", "`sqd-w8a8`, times as fast as fp32 held to the same")
    return "\n\n".join((_when(told, "held"), table(head, rows)))


def _when(told: dict[str, Any], part: str) -> str:
    """Say on what, with what and when a part was measured."""
    run = told["parts"][part]
    known = ", ".join(f"{name} {version}" for name, version in run["versions"].items() if version != "absent")
    return f"Measured {run['measured']} UTC on {run['hardware']} ({known}); {run['stolen']:.0%} of its time was taken."


def _number(told: dict[str, Any], name: str | None, unit: str) -> str:
    """Write a figure, or why there is none."""
    if name is None:
        return ""
    value = told["figures"].get(name)
    if value is None:
        return str(told.get("reasons", {}).get(name, "not measured"))
    return f"{value:.1f}{unit}" if unit != " GB" else f"{value:.2f}{unit}"
