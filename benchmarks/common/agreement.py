"""Agreement of each network's embeddings with the reference computation that its test has, as a number.

The tests hold these below 1e-5 on fresh inputs; here the same computations are called and the largest difference is
told, relative to the largest value. Networks without weights on hand are small random ones of the same classes.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from analysis.metrics.basis.audio import Audio
from benchmarks.common.borrowed import borrow

SEED, RATE = 1000, 44_100


def agreements() -> dict[str, float]:
    """Give the largest relative difference of each network that can be asked here, by its name."""
    borrow()
    with tempfile.TemporaryDirectory() as place:
        return {name: float(compute(Path(place))) for name, compute in COMPUTED.items()}


def apart(found: Any, wanted: Any) -> float:
    """Give the largest difference relative to the largest value."""
    found, wanted = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def noise(seconds: float, channels: int = 2, rate: int = RATE) -> Audio:
    """Draw a noise that comes and goes."""
    n = round(seconds * rate)
    swell = 0.1 + np.sin(2 * np.pi * 0.7 * np.arange(n) / rate)[:, None] ** 2
    samples = np.random.default_rng(SEED).standard_normal((n, channels)) * swell / 8
    return Audio(samples.astype(np.float32), rate)


def clap(place: Path) -> float:
    """Audio and text of CLAP against laion-clap's own forward pass, written out."""
    from analysis.metrics.fronts import clap as front
    from analysis.metrics.networks import clap as ours

    theirs = importlib.import_module("laion_clap")
    words = theirs.write_tokenizer(place / "roberta-base")
    state = theirs.random_state(SEED, words)
    theirs.write_checkpoint(state, place / theirs.CHECKPOINT)
    network, worst = ours.load(place, sizes=ours.Sizes(*theirs.sizes(words))), 0.0
    for seconds in (3.3, 12.7):
        audio = noise(seconds, rate=48_000)
        pictures, longer = front.pictures(front.prepared(audio))
        wanted = theirs.hear(state, torch.from_numpy(pictures), fused=longer).detach().numpy()
        worst = max(worst, apart(network.hear(audio)["embedding"], wanted))
    texts = list(theirs.CAPTIONS)
    wanted = theirs.read(state, place / "roberta-base", texts).detach().numpy()
    return max(worst, apart(network.read(texts), wanted))


def openl3(place: Path) -> float:
    """OpenL3 against its convolutions in float64."""
    from analysis.metrics.fronts.openl3 import channels, frames, spectrogram
    from analysis.metrics.networks.openl3 import load_openl3

    test = importlib.import_module("test_openl3")
    made, generator = test.small(), torch.Generator().manual_seed(SEED)
    for name, value in made.state_dict().items():
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=generator)
            value.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn * 0.5)
    test.write_torch(made, place / test.TORCH)
    audio = noise(1.2)
    found = load_openl3("openl3", place, test.small).hear(audio)["frames"]
    state = {key: value.numpy().astype(np.float64) for key, value in made.state_dict().items()}
    sides = channels(audio, RATE)
    wanted = [[test.written_out(state, spectrogram(frame)) for frame in frames(side)] for side in sides]
    return apart(found, np.concatenate(wanted, axis=1))


def passt(place: Path) -> float:
    """PaSST against its attention in float64."""
    from analysis.metrics.fronts.passt import prepare, spectrogram, windows
    from analysis.metrics.networks.passt import FILES, load_passt

    test = importlib.import_module("test_passt")
    made, generator = test.small(), torch.Generator().manual_seed(SEED)
    for weight in made.parameters():
        weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    torch.save(made.state_dict(), place / FILES[0])
    audio = noise(11)
    state = {name: value.numpy().astype(np.float64) for name, value in made.state_dict().items()}
    wanted = np.array([test.written_out(state, spectrogram(window)) for window in windows(prepare(audio))])
    return apart(load_passt(place, test.small).hear(audio)["logits"], wanted)


def aisfx(_: Path) -> float:
    """Aisfx, with the wheel's weights, against the wheel's own network."""
    from analysis.metrics.fronts.aisfx import blocks_of, spectrogram
    from analysis.metrics.networks.aisfx import load

    test = importlib.import_module("test_aisfx")
    known = [
        (lambda kind, data: data, "numpy.core.multiarray.scalar"),
        (type("Kind", (), test.KIND), "numpy.dtype"),
    ]
    with torch.serialization.safe_globals(known):
        stored, _ = torch.load(test.PACKAGE / "models" / "checkpoint.pth", weights_only=True)
    own = module_at(test.PACKAGE / "models" / "cnn2d.py").EmbeddingNet("max", 3, 1, 64).eval()
    start = "embedding_net."
    own.load_state_dict({name.removeprefix(start): value for name, value in stored.items() if name.startswith(start)})
    audio = noise(6.5)
    with torch.no_grad():
        wanted = own(torch.from_numpy(blocks_of(spectrogram(audio))[:, 0])).numpy()
    return apart(load(None).hear(audio)["frames"], wanted)


def cdpam(_: Path) -> float:
    """CDPAM, with the wheel's weights, against the wheel's own network."""
    from analysis.metrics.networks import cdpam as ours

    test = importlib.import_module("test_cdpam")
    network = module_at(test.package() / "models.py").FINnet(
        encoder_layers=16, encoder_filters=64, ndim=[16, 6], classif_dp=0.05, classif_BN=0, input_size=512
    )
    path = test.package() / "CDPAM_trained" / ours.FILE
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=False)["state"])
    audio = noise(0.5, channels=1, rate=test.RATE)
    scaled = torch.from_numpy(np.round(audio.samples[:, 0] * 32768))
    with torch.no_grad():
        wanted = functional.normalize(network.eval().base_encoder(scaled[None, None])[1], dim=1)[0].numpy()
    return apart(ours.load(None).hear(audio)["embedding"], wanted)


def listener(_: Path) -> float:
    """The embedded model's listener against loops in float64."""
    from quant.mini.listener import load_listener

    test = importlib.import_module("test_listener")
    audio = noise(1.3, rate=test.RATE)
    heard, wanted = load_listener().hear(audio), test.heard_by_loop(test.image_by_loop(audio.samples))
    return max(apart(heard[name], value) for name, value in zip(("probabilities", "embedding"), wanted, strict=True))


def module_at(path: Path) -> Any:
    """Import a file of a package whose face needs what is not installed."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPUTED: dict[str, Callable[[Path], float]] = {
    "clap": clap,
    "openl3": openl3,
    "passt": passt,
    "aisfx": aisfx,
    "cdpam": cdpam,
    "listener": listener,
}
