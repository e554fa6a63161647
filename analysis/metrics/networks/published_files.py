"""Published files: the statistics of reference sets that stable-audio-metrics ships, read without running any code.

Its ``load/openl3_fd/...__channels2__44100__openl3env__openl3hopsize0.5__batch4.npz`` holds ``mu_ref`` and ``sigma_ref``
of a set's frames, its ``load/passt_kld/...__collectmean__reference_probabilities.pkl`` a dictionary of 527
probabilities by clip id. The second is a pickle, which may hold code: only dictionaries, numbers, numpy arrays and
torch tensors are let through.
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import MetricError
from analysis.metrics.basis.published import Float, Published, PublishedMoments, PublishedProbabilities
from analysis.metrics.fronts.openl3 import NETWORKS

MOMENTS = re.compile(r"channels2__(\d+)__openl3(env|music)__openl3hopsize0\.5(__|\.)")
PROBABILITIES = "*collectmean__reference_probabilities.pkl"
CLASSES, WIDTH = 527, 1024
BROKEN = (pickle.UnpicklingError, OSError, EOFError, ValueError, TypeError, AttributeError, LookupError, RuntimeError)
HARMLESS = {
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


def read_published(*folders: Path | None) -> Published:
    """Read what lies in folders, such as those of the reference and of the weights; the first that has a kind counts.

    Raises
    ------
    MetricError
        If a file is damaged, holds code or something else, or a folder has two of a kind: it names them.

    Examples
    --------
    >>> name = "set__channels2__44100__openl3env__openl3hopsize0.5__batch4.npz"
    >>> np.savez(name, mu_ref=np.zeros(1024), sigma_ref=np.eye(1024))
    >>> read_published(None, Path(".")).files == [name]
    True
    """
    moments: dict[str, PublishedMoments] = {}
    probabilities: dict[str, PublishedProbabilities] = {}
    for folder in folders:
        if folder is None or not folder.is_dir():
            continue
        for network, path in _moment_files(folder).items():
            if network not in moments:
                moments[network] = _moments(path)
        found = _only("reference probabilities", sorted(folder.glob(PROBABILITIES)))
        if found is not None and "passt" not in probabilities:
            probabilities["passt"] = _probabilities(found)
    return Published(moments, probabilities)


def _only(what: str, paths: list[Path]) -> Path | None:
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise MetricError(f"{paths[0].parent}: {len(paths)} files of {what} ({names}); leave that of your captions")
    return paths[0] if paths else None


def _moment_files(folder: Path) -> dict[str, Path]:
    """Find the files of moments, by the network that heard."""
    kinds = {kind: network for network, kind in NETWORKS.items()}
    by_network: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.npz")):
        told = MOMENTS.search(path.name)
        network = kinds.get((told[2], int(told[1]))) if told else None
        if network is not None:
            by_network.setdefault(network, []).append(path)
    chosen = {network: _only(f"moments of {network}", paths) for network, paths in by_network.items()}
    return {network: path for network, path in chosen.items() if path is not None}


def _moments(path: Path) -> PublishedMoments:
    try:
        with np.load(path, allow_pickle=False) as held:
            mean, covariance = held["mu_ref"].astype(np.float64), held["sigma_ref"].astype(np.float64)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MetricError(f"{path}: {_unread(error)}") from error
    if mean.shape != (WIDTH,) or covariance.shape != (WIDTH, WIDTH):
        raise MetricError(f"{path}: a mean {mean.shape} and a covariance {covariance.shape} are not of {WIDTH} numbers")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise MetricError(f"{path}: holds NaN or infinity; get the file again")
    return PublishedMoments(mean, covariance, path.name)


def _probabilities(path: Path) -> PublishedProbabilities:
    try:
        with path.open("rb") as file:
            held = _Plain(file).load()
    except BROKEN as error:
        raise MetricError(f"{path}: {_unread(error)}") from error
    if not isinstance(held, Mapping):
        raise MetricError(f"{path}: holds a {type(held).__name__}, no probabilities by id; get the file again")
    by_id = {str(one): _checked(path, one, values) for one, values in held.items()}
    return PublishedProbabilities(by_id, path.name)


def _checked(path: Path, clip: Any, values: Any) -> Float:
    try:
        found: Float = np.asarray(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise MetricError(f"{path}: of {clip} it holds a {type(values).__name__}, no probabilities") from error
    if found.shape != (CLASSES,) or not (found >= 0).all() or abs(found.sum() - 1) > 1e-3:
        raise MetricError(f"{path}: of {clip} it holds no {CLASSES} probabilities that add up to one")
    return found


def _unread(error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0][:120]
    return f"cannot be read ({reason}); get the file again"


class _Plain(pickle.Unpickler):
    """Reads a pickle of plain data, arrays and tensors, and refuses all else before it is called."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) == ("torch.storage", "_load_from_bytes"):
            return _storage
        if (module_name, global_name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it holds code: {module_name}.{global_name}")
        return super().find_class(module_name, global_name)


def _storage(packed: bytes) -> Any:
    """Read a tensor's numbers, themselves a pickle, which torch's own function would run."""
    import torch

    return torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
