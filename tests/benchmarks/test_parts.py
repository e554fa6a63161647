"""The parts of a benchmark can run apart into one file, and what cannot be measured says why."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.common.report import publish
from benchmarks.engine.fidelity import NOTES, fidelity
from benchmarks.engine.held import HOLDS, held
from benchmarks.engine.made import library_dit
from benchmarks.peers.compare import Entry, entered
from benchmarks.peers.in_torch import as_it_is
from benchmarks.peers.plain import Answering, Plain
from quant.inspect.teacher import record_teacher, velocity_sqnr
from quant.model.loading import load_model
from quant.rendering.sampling import Sampling

ROOT = Path(__file__).parents[2]


def test_a_file_keeps_the_figures_of_other_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "quant.json"
    publish({"speed_s": 1.0}, {}, target, parts=["speed"])
    publish({"avx2": 2.0}, {"avx2": "held to AVX2"}, target, {"amx": "not on this processor"}, parts=["held"])
    told = json.loads(target.read_text(encoding="utf-8"))
    assert told["figures"] == {"speed_s": 1.0, "avx2": 2.0, "amx": None}
    assert told["reasons"] == {"amx": "not on this processor"}
    assert set(told["parts"]) == {"speed", "held"}
    assert {"hardware", "versions", "stolen", "measured"} == set(told["parts"]["held"])
    assert "not on this processor" in capsys.readouterr().out
    publish({"avx2": 2.5, "amx": 9.0}, {}, target, parts=["held"])
    told = json.loads(target.read_text(encoding="utf-8"))
    assert told["figures"] == {"speed_s": 1.0, "avx2": 2.5, "amx": 9.0}
    assert told["reasons"] == {}


def test_what_is_borrowed_of_the_tests_is_found_outside_of_them() -> None:
    """A benchmark is a process of its own, and the tests' study needs modules of more than one of their folders."""
    asked = "from benchmarks.common.borrowed import borrow; borrow(); import served, databases, tiny_study"
    made = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


def test_a_benchmark_without_parts_writes_its_file_anew(tmp_path: Path) -> None:
    target = tmp_path / "page.json"
    publish({"old": 1.0}, {}, target)
    publish({"new": 2.0}, {}, target)
    told = json.loads(target.read_text(encoding="utf-8"))
    assert told["figures"] == {"new": 2.0}
    assert set(told) == {"figures", "hardware", "versions", "stolen"}


def test_what_the_processor_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    figures, reasons = held()
    assert figures == {}
    assert reasons["avx_vnni_vs_fp32"] == "this processor has no avx_vnni"
    assert set(reasons) == set(HOLDS)


def test_a_peer_that_is_not_installed_says_so() -> None:
    with pytest.raises(Exception, match=r"no_such_package\.inside is not installed: see requirements-bench\.txt"):
        entered("peer", Entry(("json", "no_such_package.inside"), ("nowhere:nothing",)), lambda way: pytest.fail(way))


def test_peers_are_given_the_librarys_transformer() -> None:
    teacher = record_teacher(load_model("mini"), ["rain"], Sampling(steps=2, seconds=1.0))
    answer = as_it_is(Plain(library_dit(load_model("mini"))), [])
    # Guidance is written out; only the order of float32 sums may differ from a sampling run's.
    assert float(velocity_sqnr(Answering(answer), teacher).min()) > 100


def test_errors_on_the_embedded_model() -> None:
    figures = fidelity(Sampling(steps=2))
    assert set(figures) == set(NOTES)
    assert all(math.isfinite(value) for value in figures.values())
    assert figures["sqnr_sqd_w8a8"] > figures["sqnr_sqd_w4a8"]
