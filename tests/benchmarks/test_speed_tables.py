"""The tables of speed say what the benchmark's file says, where and when, and why a figure is missing."""

from __future__ import annotations

from random import Random

import pytest

from docs.tables import speed

RUN = {"hardware": "a processor, 2 cores", "versions": {"torch": "2.13", "numpy": "absent"}, "stolen": 0.03}


def test_tables_of_a_run(seed: int) -> None:
    rng = Random(seed)
    keys = [key for row in (*speed.VARIANTS, *speed.HELD) for key in row[1:] if key]
    keys += [f"{start}{key}{end}" for _, key in speed.PEERS for start, end in (("sqd_vs_", ""), ("", "_vs_fp32"))]
    figures = {key: rng.uniform(0.1, 20) for key in [*keys, "fp32_s", "bf16_s", "sqd_s", "sqd_vs_bf16"]}
    figures["avx_vnni_vs_fp32"] = None
    told = {
        "figures": figures,
        "reasons": {"avx_vnni_vs_fp32": "this processor has no avx_vnni"},
        "parts": {part: {**RUN, "measured": "2026-11-27 16:00"} for part in ("speed", "peers", "held")},
    }
    fast, beside, less = speed.speed(told), speed.peers(told), speed.held(told)
    when = "Measured 2026-11-27 16:00 UTC on a processor, 2 cores (torch 2.13); 3% of its time was taken."
    assert all(text.startswith(when) for text in (fast, beside, less))
    assert f"| `sqs-w8a8` | {figures['sqs_vs_fp32']:.1f} | |" in fast
    assert f"| `sqd-w8a8`, one group | | {figures['size_w8a8_gb']:.2f} GB |" in fast
    torchao = f"{figures['sqd_vs_torchao']:.1f} | {figures['torchao_vs_fp32']:.1f} | not measured"
    assert f"| torchao, int8 dynamic, compiled | {torchao} |" in beside
    assert f"| AVX2 | {figures['avx2_vs_fp32']:.1f} |" in less
    assert "| AVX-VNNI | this processor has no avx_vnni |" in less


def test_without_a_run_the_page_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(speed, "RESULTS", tmp_path / "none.json")
    assert speed.measured() == {}
