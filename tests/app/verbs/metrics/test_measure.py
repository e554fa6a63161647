"""The verb measure: a study's clips against their twins and real audio, and what is said where there is no value."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from own_sounds import write_tree
from tiny_study import CONDITIONS, PROMPTS, tiny_study

from analysis.metrics.measured import Measured, read_measured
from app.cli import main
from app.folder import read_study
from app.verbs.clips.pipeline import generate_study
from quant.inspect.sizes import checkpoint_sizes, full_precision_sizes
from quant.model.loading import load_model
from survey import read_manifest, write_manifest

KEYS = "log_mel_distance,mini_right_class,clap_score,fd_aisfx,kad_aisfx"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seed = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    print(f"seed: {seed}")
    folder = tiny_study(tmp_path_factory.mktemp("measured") / "study", seed)
    _, config = read_study(folder)
    generate_study(folder, config)
    return folder


@pytest.fixture
def study(rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("EARMARK_WEIGHTS", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-hub"))
    return Path(shutil.copytree(rendered, tmp_path / "study"))


def measured(study: Path, *words: str) -> Measured:
    assert main(["measure", str(study), *words]) == 0
    return read_measured(study / "metrics" / "measured.json")


def replaced(study: Path, number: int, samples: np.ndarray, rate: int) -> str:
    """Put another sound in the place of a clip, and list it; returns the stimulus."""
    path = study / "clips" / "manifest.json"
    raw = json.loads(path.read_text())
    clip = raw["clips"][number]
    file = study / "clips" / clip["file"]
    soundfile.write(file, samples, rate, subtype="FLOAT" if file.suffix == ".wav" else "PCM_16")
    from quant.files import file_sha256

    clip["sha256"] = file_sha256(file)
    path.write_text(json.dumps(raw))
    write_manifest(path, read_manifest(path))
    return str(clip["stimulus"])


def test_each_condition_has_a_value_or_a_reason(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(study, "--metrics", KEYS)
    said = capsys.readouterr().out
    assert found.conditions == list(CONDITIONS)
    for column in found.columns:
        for condition in CONDITIONS:
            cell = found.cell(column.key, condition)
            assert cell is not None
            assert (cell.value is None) == (cell.value is None and bool(cell.why)), (column.key, condition)
    distances = [found.cell("log_mel_distance", name) for name in CONDITIONS]
    assert [cell.value is None for cell in distances if cell] == [True, False, False]
    assert "log-mel distance" in said
    assert "CLAP score (630k-audioset-fusion-best): no weights here, which Earmark may not bring" in said
    assert "laion_clap" not in said, "what was looked for stands in the page"
    assert "laion_clap" in (study / "metrics" / "metrics.html").read_text(encoding="utf-8")
    assert str(study / "metrics") in said


def test_a_clip_is_compared_with_the_one_of_its_own_noise(study: Path) -> None:
    """The distance of each clip, against one that a loop computes from the files that the manifest lists."""
    found = measured(study, "--metrics", "log_mel_distance")
    manifest = read_manifest(study / "clips" / "manifest.json")
    files = {(clip.condition, clip.prompt_id, clip.seed): study / "clips" / clip.file for clip in manifest.clips}
    from analysis.metrics.basis.audio import read_audio
    from analysis.metrics.paired.log_mel_distance import distance

    values = [one for one in found.clips if one.value is not None]
    assert len(values) == 2 * len(PROMPTS)
    for one in values:
        own, twin = (read_audio(files[name, one.prompt_id, one.seed]) for name in (one.condition, "baseline"))
        assert one.value == pytest.approx(distance(own, twin), rel=1e-9)


def test_sizes_are_those_of_the_files(study: Path) -> None:
    found = measured(study, "--metrics", "log_mel_distance")
    source = load_model(str(study / "tiny"))
    whole = sum(value.numel() * 4 for value in source.wrapper.state_dict().values())
    for condition, expected in (
        ("baseline", (whole, (study / "tiny" / "model.safetensors").stat().st_size)),
        ("sqs-w8a8", (None, (study / "models" / "sqs-w8a8.safetensors").stat().st_size)),
    ):
        state, stored = (found.cell(key, condition) for key in ("state_dict_mb", "stored_mb"))
        assert state is not None
        assert stored is not None
        assert state.value is not None
        assert stored.value == pytest.approx(expected[1] / 1e6)
        if expected[0]:
            assert state.value == pytest.approx(expected[0] / 1e6)


def test_the_state_dict_of_a_checkpoint_is_that_of_its_tensors(study: Path) -> None:
    """Against the tensors themselves: those of quantized layers as they are, the rest in float32."""
    from safetensors.torch import load_file

    path = study / "models" / "sqd-lora-w8a8.safetensors"
    tensors = load_file(path)
    quantized = {name.rpartition(".")[0] for name in tensors if name.endswith(".codes")}
    assert len(quantized) > 10
    expected = 0
    for name, value in tensors.items():
        inside = name.rpartition(".")[0] in quantized
        expected += value.numel() * (4 if value.dtype == torch.float16 and not inside else value.element_size())
    assert checkpoint_sizes(path).state_dict == expected
    assert checkpoint_sizes(path).state_dict < full_precision_sizes(str(study / "tiny")).state_dict


def test_real_audio_is_found_by_the_ids_of_prompts(study: Path, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "real" / "deep"
    folder.mkdir(parents=True)
    noise = 0.1 * np.random.default_rng(seed).standard_normal(48_000)
    soundfile.write(folder / "p1.wav", noise, 48_000)
    soundfile.write(folder / "other.wav", noise[::-1], 48_000)
    found = measured(study, "--reference", str(tmp_path / "real"), "--metrics", "log_mel_distance")
    assert found.reference == "real audio, 2 files of real"
    (missing,) = [one for one in found.remarks if "no reference audio" in one]
    assert missing.startswith("1 prompt of 2 has no reference audio (p2)")
    assert any("48,000 Hz" in one and "22,050 Hz" in one for one in found.remarks)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--reference", "nowhere"), "nowhere is no folder"),
        (("--reference", "empty"), "holds no sound"),
        (("--weights", "nowhere"), "nowhere is no folder"),
        (("--metrics", "fid"), "fid: no such metric; there are"),
        (("--metrics", ","), "no such metric"),
    ],
)
def test_what_cannot_be_used_is_named(
    study: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study)
    (study / "empty").mkdir()
    assert main(["measure", str(study), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (study / "metrics" / "measured.json").exists()


def test_a_reference_that_holds_no_number_is_named(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = np.full(22_050, np.nan, dtype=np.float32)
    soundfile.write(tmp_path / "p1.wav", samples, 22_050, subtype="FLOAT")
    assert main(["measure", str(study), "--reference", str(tmp_path), "--metrics", "log_mel_distance"]) == 2
    assert "p1.wav: holds NaN or infinity" in capsys.readouterr().err


def test_a_silent_clip_is_named(study: Path) -> None:
    stimulus = replaced(study, 1, np.zeros(22_050), 22_050)
    found = measured(study, "--metrics", "log_mel_distance")
    (remark,) = [one for one in found.remarks if "silent" in one]
    prompt_id, condition, seed = stimulus.split(".")
    assert f"{prompt_id}, {condition}, seed {seed}" in remark


def test_a_clip_that_was_changed_is_not_measured(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = read_manifest(study / "clips" / "manifest.json").clips[0]
    soundfile.write(study / "clips" / clip.file, np.zeros(100), 22_050)
    assert main(["measure", str(study)]) == 2
    assert "not the clip that was listed" in capsys.readouterr().err


def test_what_was_heard_once_is_kept(study: Path) -> None:
    """The second time the network's answer is read: one that is changed on the disk is what is shown."""
    first = measured(study, "--metrics", "mini_agreement")
    heard = list((study / "metrics" / "heard").rglob("*.safetensors"))
    assert len(heard) == len(CONDITIONS) * len(PROMPTS)
    times = {path: path.stat().st_mtime_ns for path in heard}
    again = measured(study, "--metrics", "mini_agreement")
    assert times == {path: path.stat().st_mtime_ns for path in heard}
    assert [one.value for one in first.clips] == [one.value for one in again.clips]


def test_velocities_are_compared_where_they_are_named(study: Path) -> None:
    """A W8A8 model answers as full precision does, but for noise far below the signal."""
    found = measured(study, "--metrics", "velocity_sqnr,log_mel_distance")
    cells = [found.cell("velocity_sqnr", name) for name in CONDITIONS]
    baseline, *others = [cell for cell in cells if cell]
    assert (baseline.value, baseline.why) == (None, "it is full precision itself")
    for cell in others:
        assert cell.n == len(PROMPTS)
        assert cell.value is not None
        assert cell.low is not None
        assert 10 < cell.value < 80
        assert cell.low <= cell.value


def test_a_folder_that_cannot_be_written_is_named(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "metrics" / "measured.json").mkdir(parents=True)
    assert main(["measure", str(study), "--metrics", "log_mel_distance"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"earmark: {study / 'metrics'}: cannot be written (")


def test_clips_that_no_model_made_are_beside_their_baseline_and_no_full_precision(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(tmp_path / "own", np.random.default_rng(seed), ("one", "two"), ("rain", "bells"))
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(tmp_path / "own")]) == 0
    found = measured(study, "--metrics", "log_mel_distance,visqol,log_mel_distance")
    page = (study / "metrics" / "metrics.html").read_text(encoding="utf-8")
    assert [one.name for one in found.columns][:2] == [
        "log-mel distance to one (dB)",
        "ViSQOL v3, audio mode (MOS beside one)",
    ]
    assert [one.key for one in found.columns].count("log_mel_distance") == 1
    printed = capsys.readouterr().out
    assert "\nreference: the clips of one, 2 clips\n" in printed
    for said in (printed, page, str(found)):
        assert "full-precision" not in said
        assert "full precision" not in said
