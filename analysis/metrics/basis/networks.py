"""Networks: what hears clips and reads texts for the metrics, loaded when first needed, and what it heard, kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as packing

from analysis.errors import MetricError, WeightsError
from analysis.metrics.basis.audio import Audio
from atomic import replacing

Array = NDArray[Any]


class Network(Protocol):
    """A network with its front end.

    ``name`` is that of its file, such as ``clap``. ``checkpoint`` says which weights these are, ``sha256`` is that of
    the file. ``convention`` is a version of the front end: another one makes what was kept worthless.
    """

    name: str
    checkpoint: str
    sha256: str
    convention: str

    def hear(self, audio: Audio) -> Mapping[str, Array]:
        """Say what it hears in a clip: arrays by name, float32, such as ``embedding`` (512,) or ``frames`` (20, 1024).

        Raises
        ------
        NoValueError
            If it cannot hear such a clip, for instance as it is too short.
        """

    def read(self, texts: Sequence[str]) -> Array:
        """Embed texts, (texts, width), float32.

        Raises
        ------
        NoValueError
            If it reads none.
        """


Loader = Callable[[Path | None], Network]
"""Loads a network from a folder of weights, or from where it finds them itself; raises WeightsError."""


class Networks:
    """The networks that may be asked for, by name; each is loaded once.

    Parameters
    ----------
    loaders
        How each is loaded.
    weights
        Folder in which weights are looked for first.
    kept
        Folder for what was heard, so that a clip is heard once; nothing is kept if None.
    """

    def __init__(self, loaders: Mapping[str, Loader], weights: Path | None = None, kept: Path | None = None) -> None:
        self._loaders, self._weights, self._kept = dict(loaders), weights, kept
        self._loaded: dict[str, Network | WeightsError] = {}
        self._texts: dict[tuple[str, str], Array] = {}

    @property
    def used(self) -> dict[str, Network]:
        """Those that were loaded, by name."""
        return {name: one for name, one in self._loaded.items() if not isinstance(one, WeightsError)}

    def of(self, name: str) -> Network:
        """Give a network.

        Raises
        ------
        WeightsError
            If it cannot be loaded, each time that it is asked for.
        """
        if name not in self._loaded:
            try:
                self._loaded[name] = self._loaders[name](self._weights)
            except KeyError:
                self._loaded[name] = WeightsError(f"{name}: no such network here; there are {', '.join(self._loaders)}")
            except WeightsError as error:
                self._loaded[name] = error
        found = self._loaded[name]
        if isinstance(found, WeightsError):
            raise found
        return found

    def heard(self, name: str, clip_sha256: str, audio: Callable[[], Audio]) -> Mapping[str, Array]:
        """Say what a network hears in the clip of this hash; ``audio`` reads it if that is not known yet.

        Raises
        ------
        MetricError
            If it cannot be kept.
        """
        network = self.of(name)
        path = None
        if self._kept is not None:
            version = hashlib.sha256(f"{network.sha256} {network.convention}".encode()).hexdigest()[:12]
            path = self._kept / f"{name}-{version}" / f"{clip_sha256[:32]}.safetensors"
            if (found := _read(path)) is not None:
                return found
        heard = network.hear(audio())
        if path is not None:
            packed = packing.save({key: np.ascontiguousarray(value) for key, value in heard.items()})
            try:
                with replacing(path) as temporary:
                    temporary.write_bytes(packed)
            except OSError as error:
                raise MetricError(
                    f"{path.parent}: cannot be written ({error.strerror}); check the disk, or name another folder"
                ) from error
        return heard

    def texts(self, name: str, texts: Sequence[str]) -> Array:
        """Give the embeddings of texts by a network, (texts, width); each text is read once."""
        network = self.of(name)
        missing = [text for text in dict.fromkeys(texts) if (name, text) not in self._texts]
        for start in range(0, len(missing), 64):
            some = missing[start : start + 64]
            for text, vector in zip(some, network.read(some), strict=True):
                self._texts[name, text] = vector
        return np.stack([self._texts[name, text] for text in texts])


def _read(path: Path) -> dict[str, Array] | None:
    """Read what was kept; None if it is not there, or damaged."""
    try:
        return packing.load(path.read_bytes())
    except (OSError, SafetensorError):
        return None
