"""Listener: a small network that hears which of the embedded model's sounds a clip holds, and how far a text says so.

Trained by ``quant/mini/listener_training.py`` on renders of the sounds of ``quant/mini/sounds.py``, never on clips of
the embedded model; figures in ``quant/mini/CARD.md``. It knows these sounds alone: its agreement is no CLAP score.
Front end: float64, mean of the channels, 22,050 Hz by soxr (VHQ), peak at 0.9, at least a second (zeros follow),
magnitudes of periodic Hann windows of 1,024 samples each 512, centred between zeros, 80 Slaney mel bands from 20 to
11,025 Hz, natural logarithm with a floor at 1e-4, and that a fifth above the floor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load
from torch import Tensor, nn
from transformers.audio_utils import mel_filter_bank

from quant.errors import ModelError
from quant.files import file_sha256
from quant.mini.sounds import SOUNDS
from quant.model.sentence import WIDTH, sentence_embeddings

WEIGHTS = Path(__file__).parent / "listener.safetensors"
SHA256 = "9de87528daaf1db1a2499fc5c385b35f9ca978d74ec8068ddcd373617150ee66"
RATE, WINDOW, HOP, BANDS, FLOOR = 22_050, 1024, 512, 80, 1e-4
EMBEDDING = 64

Float = NDArray[np.float32]


class Sound(Protocol):
    """A sound: samples (samples, channels), float32 with full scale at 1, and their rate in Hz."""

    @property
    def samples(self) -> Float:
        """Its samples."""

    @property
    def rate(self) -> int:
        """Samples a second."""


@cache
def _filters() -> NDArray[np.float64]:
    """Slaney mel filters, (bins, bands)."""
    filters: NDArray[np.float64] = mel_filter_bank(
        WINDOW // 2 + 1, BANDS, 20.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney"
    )
    return filters


def log_mel_image(samples: NDArray[np.floating], rate: int) -> Float:
    """Image of a sound (samples, channels): (bands, windows), zero at the floor.

    Examples
    --------
    >>> log_mel_image(np.zeros((44_100, 2), dtype=np.float32), 44_100).shape
    (80, 44)
    """
    mono = samples.mean(axis=1, dtype=np.float64)
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE, quality="VHQ")
    mono = 0.9 * mono / max(float(np.abs(mono).max(initial=0.0)), 1e-6)
    mono = np.pad(mono, (WINDOW // 2, WINDOW // 2 + max(0, RATE - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    mel = np.abs(np.fft.rfft(frames * hann)) @ _filters()
    image: Float = (np.log(np.maximum(mel, FLOOR) / FLOOR) / 5).T.astype(np.float32)
    return image


class ListenerNetwork(nn.Module):
    """Four strided convolutions over log-mel images, pooled over time, with a head for classes and one for agreement.

    ``forward`` takes images (batch, bands, windows) and gives class logits (batch, classes) and embeddings of unit
    length (batch, 64); ``read`` takes sentence embeddings (batch, 384) and gives theirs.

    Examples
    --------
    >>> logits, embeddings = ListenerNetwork(38).eval()(torch.zeros(2, 80, 44))
    >>> logits.shape, embeddings.shape
    (torch.Size([2, 38]), torch.Size([2, 64]))
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in, width in ((1, 24), (24, 48), (48, 96), (96, 128)):
            stride = (2, 2) if layers else (2, 4)  # of bands, of time
            layers += [
                nn.Conv2d(
                    width_in, width, (3, 3) if layers else (3, 5), stride, (1, 1) if layers else (1, 2), bias=False
                ),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.trunk = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.3)
        width = 2 * 128 * BANDS // 16
        self.classes = nn.Linear(width, classes)
        self.sound = nn.Linear(width, EMBEDDING)
        self.text = nn.Sequential(nn.Linear(WIDTH, 192), nn.ReLU(), nn.Dropout(0.1), nn.Linear(192, EMBEDDING))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Hear images."""
        maps = self.trunk(images[:, None])
        pooled = self.dropout(torch.cat([maps.mean(-1), maps.amax(-1)], dim=1).flatten(1))
        return self.classes(pooled), nn.functional.normalize(self.sound(pooled), dim=-1)

    def read(self, sentences: Tensor) -> Tensor:
        """Embed sentences."""
        return nn.functional.normalize(self.text(sentences), dim=-1)


class Listener:
    """Says which sounds a clip holds and how far a text agrees with it.

    ``classes`` are the sounds that it knows, in the order of its probabilities; ``name``, ``checkpoint``, ``sha256``
    and ``convention`` say what it is.

    Examples
    --------
    >>> listener = load_listener()
    >>> listener.classes[:2], listener.class_of("Heavy rain on a tent"), listener.class_of("a dog barking in the rain")
    (('rain', 'thunder'), 0, None)
    """

    name = "mini"
    convention = "1"

    def __init__(self, network: ListenerNetwork, classes: Sequence[str], sha256: str) -> None:
        self.network = network.eval().requires_grad_(False)
        self.classes = tuple(classes)
        self.sha256 = sha256
        self.checkpoint = f"the embedded model's listener ({WEIGHTS.name}, MIT)"

    @torch.no_grad()
    def hear(self, audio: Sound) -> dict[str, Float]:
        """Hear a clip: ``probabilities`` (classes,), which sum to 1, and ``embedding`` (64,) of unit length."""
        logits, embeddings = self.network(torch.from_numpy(log_mel_image(audio.samples, audio.rate))[None])
        return {"probabilities": logits[0].softmax(-1).numpy(), "embedding": embeddings[0].numpy()}

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Float:
        """Embed texts: (texts, 64), each of unit length; its cosine with a clip's ``embedding`` is their agreement."""
        embeddings: Float = self.network.read(torch.from_numpy(sentence_embeddings(list(texts)))).numpy()
        return embeddings

    def class_of(self, text: str) -> int | None:
        """Index of the class that a text names by one of its wordings or its name; None if it names none or several.

        A wording counts without its article and within longer sentences, but not within a longer wording of another
        class: "wind chimes" names no wind.
        """
        found = {self.classes.index(name) for name in _named(text) if name in self.classes}
        return found.pop() if len(found) == 1 else None


@cache
def _wordings() -> tuple[tuple[str, re.Pattern[str]], ...]:
    def pattern(words: str) -> re.Pattern[str]:
        return re.compile(rf"\b{re.escape(re.sub(r'^(a|an|the) ', '', words))}\b")

    return tuple((sound.name, pattern(words)) for sound in SOUNDS for words in (sound.name, *sound.phrases))


def _named(text: str) -> Iterable[str]:
    """Names of the classes that a text names."""
    plain = " ".join(text.lower().split())
    spans = {(name, *hit.span()) for name, pattern in _wordings() for hit in pattern.finditer(plain)}
    for name, start, end in spans:
        if not any(a <= start and end <= b and b - a > end - start for _, a, b in spans):
            yield name


def load_listener(path: Path = WEIGHTS, sha256: str = SHA256) -> Listener:
    """Load the listener.

    Raises
    ------
    ModelError
        If the file is missing or is not the one that this version came with.

    Examples
    --------
    >>> len(load_listener().classes)
    38
    """
    remedy = "get Earmark's folder quant/mini again"
    if not path.is_file():
        raise ModelError(f"{path}: the listener's weights are missing; {remedy}")
    found = file_sha256(path)
    if found != sha256:
        raise ModelError(f"{path}: sha256 is {found[:12]}, not the listener's {sha256[:12]}; {remedy}")
    with safe_open(path, "pt") as file:
        classes: list[str] = json.loads(file.metadata()["earmark"])["classes"]
    network = ListenerNetwork(len(classes))
    network.load_state_dict({key: value.float() for key, value in load(path.read_bytes()).items()})
    return Listener(network, classes, found)
