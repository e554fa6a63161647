"""Keras's weights: what a file of weights in HDF5 holds, layer by layer."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import h5py
import numpy as np

from analysis.errors import WeightsError
from analysis.metrics.basis.networks import Array


def read_keras(path: Path, without: str = "") -> list[tuple[str, dict[str, Array]]]:
    """Read the layers that have weights, in their order: each with its name and its arrays by their last name.

    Parameters
    ----------
    path
        A file that ``save_weights`` of Keras 2 wrote, plain or compressed by gzip.
    without
        Layers whose names hold this are left out.

    Raises
    ------
    WeightsError
        If it cannot be read as such a file.

    Examples
    --------
    >>> with h5py.File("net.h5", "w") as file:
    ...     file.attrs["layer_names"] = [b"relu", b"dense"]
    ...     file.create_group("relu").attrs["weight_names"] = []
    ...     file.create_group("dense").attrs["weight_names"] = [b"dense/kernel:0"]
    ...     file["dense/dense/kernel:0"] = np.ones((2, 1))
    >>> [(name, list(weights)) for name, weights in read_keras(Path("net.h5"))]
    [('dense', ['kernel'])]
    """
    try:
        packed = path.read_bytes()
        with h5py.File(io.BytesIO(gzip.decompress(packed) if path.suffix == ".gz" else packed), "r") as file:
            root = file.get("model_weights", file)
            layers: list[tuple[str, dict[str, Array]]] = []
            for name in map(_text, root.attrs["layer_names"]):
                group = root[name]
                inside = [_text(one) for one in group.attrs["weight_names"]]
                weights = {one.rpartition("/")[2].partition(":")[0]: np.asarray(group[one]) for one in inside}
                if weights and not (without and without in name):
                    layers.append((name, weights))
            return layers
    except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise WeightsError(f"{path}: cannot be read as weights of Keras ({reason}); get the file again") from error


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
