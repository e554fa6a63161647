"""CDPAM against the classes of its own package, and files that are not its weights."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from torch.nn import functional

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Networks
from analysis.metrics.networks import cdpam
from analysis.metrics.paired.cdpam import CDPAM
from analysis.metrics.registry import LOADERS

RATE = 22_050


def package() -> Path:
    """Where it is installed; to import it would need librosa."""
    return Path(importlib.util.find_spec("cdpam").submodule_search_locations[0])


@pytest.fixture(scope="module")
def theirs():
    """The package's network, filled as its own class CDPAM fills it."""
    spec = importlib.util.spec_from_file_location("cdpam_models", package() / "models.py")
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    network = models.FINnet(
        encoder_layers=16, encoder_filters=64, ndim=[16, 6], classif_dp=0.05, classif_BN=0, input_size=512
    )
    path = package() / "CDPAM_trained" / cdpam.FILE
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=False)["state"])
    return network.eval()


@pytest.fixture(scope="module")
def ours():
    return cdpam.load(None)


@torch.no_grad()
def embedding(network, samples):
    """What the package computes of a file's samples (samples,) at 22.05 kHz."""
    scaled = torch.from_numpy(np.round(samples * 32768).astype(np.float32))
    return functional.normalize(network.base_encoder(scaled[None, None])[1], dim=1)


def audio(samples, rate=RATE):
    return Audio(samples.astype(np.float32)[:, None], rate)


def test_embeddings_and_distances_are_those_of_the_package(seed, theirs, ours):
    draw = np.random.default_rng(seed)
    one = draw.standard_normal(2500).astype(np.float32) / 10
    other = one[:2011] + draw.standard_normal(2011).astype(np.float32) / 30
    expected = [embedding(theirs, samples) for samples in (one, other)]
    heard = [ours.hear(audio(samples)) for samples in (one, other)]
    for found, wanted in zip(heard, expected, strict=True):
        np.testing.assert_allclose(found["embedding"], wanted[0].numpy(), atol=1e-6)
    with torch.no_grad():
        distance = theirs.model_dist(*expected).item()
    assert np.abs(heard[0]["layers"] - heard[1]["layers"]).sum() == pytest.approx(distance, abs=1e-5)


def test_a_long_clip_is_heard_in_blocks_that_make_no_difference(seed, ours, monkeypatch):
    samples = np.random.default_rng(seed).standard_normal(3001) / 10
    whole = ours.hear(audio(samples))["embedding"]
    monkeypatch.setattr(cdpam, "BLOCK", 1024)
    np.testing.assert_allclose(ours.hear(audio(samples))["embedding"], whole, atol=1e-6)


def test_channels_are_averaged_other_rates_resampled_and_samples_rounded(seed, theirs, ours):
    stereo = np.random.default_rng(seed).standard_normal((4000, 2)).astype(np.float32) / 1000
    brought = soxr.resample(stereo.mean(axis=1), 44_100, RATE, quality="VHQ")
    heard = ours.hear(Audio(stereo, 44_100))["embedding"]
    np.testing.assert_allclose(heard, embedding(theirs, brought)[0].numpy(), atol=1e-5)


def test_what_it_cannot_hear_is_named(ours):
    with pytest.raises(NoValueError, match="it is silent"):
        ours.hear(audio(np.zeros(2000)))
    with pytest.raises(NoValueError, match=r"it is 0\.038 s long; CDPAM needs 0\.038 s"):
        ours.hear(audio(np.ones(2 * cdpam.REACH)))
    with pytest.raises(NoValueError, match="CDPAM reads no text"):
        ours.read(["rain"])


def test_clips_are_compared_with_their_twins(seed, theirs, tmp_path):
    draw = np.random.default_rng(seed)
    sounds = {name: np.round(3000 * draw.standard_normal(1000)) / 32768 for name in ("baseline", "w8a8")}
    clips = {}
    for name, samples in (sounds | {"silent": np.zeros(1000)}).items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
        clips[name] = Clip(tmp_path / f"{name}.wav", name, "rain", "rain", name, 1)
    given = Given(Networks(LOADERS, kept=tmp_path / "heard"), {("rain", 1): clips["baseline"]})
    with torch.no_grad():
        expected = theirs.model_dist(*(embedding(theirs, samples) for samples in sounds.values())).item()
    assert CDPAM.of_clip(clips["w8a8"], given) == pytest.approx(expected, abs=1e-5)
    for path in tmp_path.glob("*.wav"):
        path.unlink()
    assert CDPAM.of_clip(clips["w8a8"], given) == pytest.approx(expected, abs=1e-5)  # what was heard was kept
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), RATE)
    for clip, twin, why in (("silent", "baseline", "^it is silent$"), ("w8a8", "silent", "twin: it is silent$")):
        with pytest.raises(NoValueError, match=why):
            CDPAM.of_clip(clips[clip], Given(given.networks, {("rain", 1): clips[twin]}))
    assert "cdpam 0.0.6" in given.networks.used["cdpam"].checkpoint


class Trap:
    """Unpickled carelessly, it would make a file."""

    def __reduce__(self):
        return (open, ("sprung", "w"))


def test_files_that_are_not_its_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / cdpam.FILE
    torch.save({"state": {"base_encoder.encoder.0.weight": torch.zeros(8, 1, 15)}}, path)
    with pytest.raises(WeightsError, match=r"not the weights of CDPAM \(.* is missing and \d+ more\)"):
        cdpam.load(tmp_path)
    torch.save({"state": Trap()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match=r"cannot be read as CDPAM's weights \(it holds io\.open\)"):
        cdpam.load(tmp_path)
    assert not (tmp_path / "sprung").exists()
    torch.save({"weights": 1}, path)
    with pytest.raises(WeightsError, match="cannot be read as CDPAM's weights"):
        cdpam.load(tmp_path)
    with (package() / "CDPAM_trained" / cdpam.FILE).open("rb") as file:
        path.write_bytes(file.read(100_000))
    with pytest.raises(WeightsError, match=r"cannot be read as CDPAM's weights .*; install cdpam again"):
        cdpam.load(tmp_path)


def test_a_folder_of_weights_comes_first(tmp_path, ours):
    shutil.copy(package() / "CDPAM_trained" / cdpam.FILE, tmp_path)
    assert cdpam.load(tmp_path).sha256 == ours.sha256
    assert cdpam.load(tmp_path / "empty").sha256 == ours.sha256
