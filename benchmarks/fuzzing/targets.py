"""The readers of files that others may have made: each with whole files to damage, and what it may raise."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 2000  # characters of a refusal
OURS = ("survey.errors", "quant.errors", "analysis.errors", "app.errors", "db.errors")


@dataclass(frozen=True)
class Target:
    """A reader of one file.

    Parameters
    ----------
    suffix
        Of the file's name, by which some readers go.
    seeds
        Returns whole files.
    read
        Reads the file at a path.
    """

    suffix: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]

    def refusal(self, data: bytes, folder: Path) -> str:
        """Let the reader read these bytes; return the lines in which it refuses them, nothing where it takes them.

        Raises
        ------
        Exception
            Whatever the reader lets through that is none of our errors.
        ValueError
            If the refusal is not a line, or one for each fault.
        """
        path = folder / f"fuzzed{self.suffix}"
        path.write_bytes(data)
        try:
            self.read(path)
        except Exception as error:
            if type(error).__module__ not in OURS:
                raise
            said = str(error)
            if not all(0 < len(line) <= LONGEST for line in said.split("\n")):
                raise ValueError(f"a refusal that is not lines of text: {said[:300]!r}") from error
            return said
        return ""


def _study(path: Path) -> object:
    from quant.method.variants import VARIANTS
    from survey import load_config

    return load_config(path, VARIANTS)


def _studies() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "examples").glob("**/study.yaml"))]


def _manifest(path: Path) -> object:
    from survey import read_manifest

    return read_manifest(path)


def _manifests() -> list[bytes]:
    clip = {
        "stimulus": "p1.baseline.1", "prompt_id": "p1", "prompt": "rain", "condition": "baseline", "seed": 1,
        "file": "p1.flac", "sha256": "0" * 64, "seconds": 1.0, "sample_rate": 44100, "channels": 2, "gain_db": 0.0,
        "loudness_lufs": -23.0, "recipe": {"device": "cpu"}, "kind": "trial", "expected": None, "tolerance": 0.0,
        "origin": {},
    }  # fmt: skip
    made = {
        "format": 1, "study": "s", "model": "mini", "earmark": "0.1.0", "sampling": {"steps": 4},
        "variants": {"baseline": {"scheme": "plain"}}, "clips": [clip], "foils": {"p1": ["p2"]},
        "beyond_training": None, "imported": None,
    }  # fmt: skip
    return [json.dumps(made).encode()]


def _weights(path: Path) -> object:
    from quant.pretrained import state

    return state.read_weights(path)


@cache
def _tensors() -> tuple[bytes, bytes]:
    import torch
    from safetensors.torch import save

    held = {"layer.weight": torch.ones(2, 3), "layer.bias": torch.zeros(2)}
    pickled = io.BytesIO()
    torch.save({"state_dict": held}, pickled)
    return save(held), pickled.getvalue()


def _quantized(path: Path) -> object:
    from quant.engine.checkpoint import load_checkpoint

    return load_checkpoint(path)


@cache
def _headers() -> list[bytes]:
    from dataclasses import asdict

    import torch
    from safetensors.torch import save

    from quant.engine.checkpoint import FORMAT
    from quant.method.variants import VARIANTS

    header = {
        "format": FORMAT, "kind": "checkpoint", "engine": "integer", "variant": asdict(VARIANTS["sqs-w8a8"]),
        "alpha": 0.5, "model": "mini", "model_config": {}, "model_sha256": "0" * 64, "adapters": [],
        "calibration_sha256": None, "earmark": "0.1.0", "float32": [],
    }  # fmt: skip
    return [save({"a": torch.ones(1)}, {"earmark": json.dumps(header)})]


@cache
def _calibrations() -> list[bytes]:
    import tempfile

    import torch

    from quant.method.calibration import Calibration, write_calibration

    low, high = {"layer": torch.tensor([[-3.0], [-1.0]])}, {"layer": torch.tensor([[2.0], [1.0]])}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calibration.safetensors"
        write_calibration(path, Calibration("sha", {}, torch.tensor([8.0, 1.0]), low, high, done=5))
        return [path.read_bytes()]


def _calibration(path: Path) -> object:
    from quant.method.calibration import read_calibration

    return read_calibration(path)


def _ratings(path: Path) -> object:
    from analysis.read.answers import load_scales

    return load_scales(path)


@cache
def _rows() -> list[dict[str, object]]:
    return [
        {"participant": f"P{rater:03d}", "prompt": f"prompt {prompt}", "condition": condition, "score": 1 + rater % 5}
        for rater in range(3)
        for prompt in range(2)
        for condition in ("baseline", "sqs-w8a8")
    ]


def _tables() -> list[bytes]:
    rows = _rows()
    text = "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]).encode()
    lines = "\n".join(map(json.dumps, rows)).encode()
    return [text, json.dumps(rows).encode(), lines, gzip.compress(text), bz2.compress(text), lzma.compress(text)]


def _written(suffix: str) -> Callable[[], list[bytes]]:
    """Give a table as the formats hold it that are no text."""

    @cache
    def written() -> list[bytes]:
        import tempfile

        from analysis.files.writing import write_table

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"ratings{suffix}"
            columns = {name: type(value) for name, value in _rows()[0].items()}
            write_table(path, columns, [list(row.values()) for row in _rows()])
            return [path.read_bytes()]

    return written


def _listing(path: Path) -> object:
    from survey.sources.listing import list_clips

    return list_clips(path)


def _captions(path: Path) -> object:
    from app.verbs.metrics.captions import read_captions

    return read_captions(path)


def _adapter(path: Path) -> object:
    from quant.adapters.adapter import Adapter
    from quant.adapters.changes import read_adapter

    return read_adapter(Adapter(path))


def _config(path: Path) -> object:
    from quant.configuration.checking import check
    from quant.pretrained.jsonfile import read_json

    return check(read_json(path), "fuzzed")


def _published(path: Path) -> object:
    from analysis.metrics.networks.weights import read_tensors

    return read_tensors(path)


@cache
def _archives() -> list[bytes]:
    """Give an archive of a few files, as one is packed."""
    import tempfile

    from app.verbs.archives.packing import pack

    facts = {"earmark": "0.1.0", "study": "s", "clips": "included"}
    made = dict.fromkeys(("README.md", "study.yaml", "results/report.json"), b"text" * 20)
    with tempfile.TemporaryDirectory() as folder:
        clip, path = Path(folder) / "clip", Path(folder) / "archive.zip"
        clip.write_bytes(b"fLaC" * 50)
        path.touch()
        pack(path, facts, made, {"clips/a.flac": (clip, hashlib.sha256(clip.read_bytes()).hexdigest())})
        return [path.read_bytes()]


def _archive(path: Path) -> object:
    """Read an archive as both do who read it; nothing may land beside the folder that it is unpacked into."""
    import tempfile

    from app.verbs.archives.reading import faults_of, unpack

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").mkdir()
        try:
            faults_of(path)
            return unpack(path, Path(folder) / "in")
        finally:
            if [one.name for one in Path(folder).iterdir()] != ["in"]:
                raise RuntimeError("something was written outside")


@cache
def _records() -> list[bytes]:
    """Give what an archive says that its ratings were given under."""
    from dataclasses import asdict

    from survey.config.session import Gold, SessionRules

    rules = asdict(SessionRules(gold=(Gold("gold/1.wav", "rain", 4.0),)))
    return [json.dumps({"study": "s", "revision": 1, "rules": [rules, None], "languages": {"en": 3, "": 1}}).encode()]


def _record(path: Path) -> object:
    from app.verbs.results.given import read_record

    return read_record(path)


TARGETS = {
    "study": Target(".yaml", _studies, _study),
    "manifest": Target(".json", _manifests, _manifest),
    "weights": Target(".safetensors", lambda: [_tensors()[0]], _weights),
    "pickled": Target(".ckpt", lambda: [_tensors()[1]], _weights),
    "checkpoint": Target(".safetensors", _headers, _quantized),
    "calibration": Target(".safetensors", _calibrations, _calibration),
    "adapter": Target(".safetensors", lambda: [_tensors()[0]], _adapter),
    "config": Target(".json", lambda: [(ROOT / "quant/mini/model_config.json").read_bytes()], _config),
    "network": Target(".pt", lambda: list(_tensors()), _published),
    "ratings": Target(".csv", _tables, _ratings),
    "workbook": Target(".xlsx", _written(".xlsx"), _ratings),
    "opendocument": Target(".ods", _written(".ods"), _ratings),
    "parquet": Target(".parquet", _written(".parquet"), _ratings),
    "listing": Target(".csv", lambda: [b"file,condition,prompt\na.wav,baseline,rain\nb.wav,other,rain\n"], _listing),
    "archive": Target(".zip", _archives, _archive),
    "record": Target(".json", _records, _record),
    "captions": Target(".csv", lambda: [(ROOT / "examples/captions.csv").read_bytes()[:2000]], _captions),
}
"""The readers by the name that a benchmark or a test gives."""
