"""Rendering on a Ray cluster: a few clips a task, on every GPU or processor that the cluster has.

A task depends on nothing but what it is given, so one that dies with its worker is simply run again, and the clips of
finished ones are with the driver. It says what rendered it, so that clips of unlike machines are not mixed. The
machines need Earmark at the same path; the study stays with the driver.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.errors import UsageError
from app.folder import ROOT
from quant.adapters.adapter import Adapter
from quant.errors import QuantError

if TYPE_CHECKING:
    from quant.model.loading import AudioModel
    from quant.rendering.clips import Rendered
    from quant.rendering.sampling import Sampling

LOCAL = "local"

A_TASK = 4
"""Clips of a task at most: a worker that dies costs no more of them."""

Took = dict[str, float]
"""How long a clip took: ``seconds``, and with how many ``together``, by which the seconds are divided."""


def took_of(one: Rendered) -> Took:
    """Say how long a clip took."""
    return {"seconds": round(one.share, 4), "together": one.together}


@dataclass(frozen=True)
class Job:
    """One clip to render: with ``checkpoint``, a file, beside the full-precision ``model``, or that alone if None."""

    stimulus: str
    model: str
    adapters: tuple[Adapter, ...]
    model_sha256: str
    config_sha256: str
    checkpoint: Path | None
    checkpoint_sha256: str | None
    prompt: str
    seed: int
    settings: Sampling


@functools.lru_cache(maxsize=1)
def _source(name: str, adapters: tuple[Adapter, ...], device: str) -> AudioModel:
    """Load the full-precision model with its adapters; kept for a worker's next clip."""
    from quant.model.loading import load_model

    return load_model(name, device, adapters)


@functools.lru_cache(maxsize=1)
def _quantized(name: str, adapters: tuple[Adapter, ...], checkpoint_sha256: str, device: str) -> AudioModel:
    """Load the quantized layers of a checkpoint beside the full-precision model; kept for a worker's next clip."""
    from quant.engine.checkpoint import load_beside

    return load_beside(_beside(checkpoint_sha256), _source(name, adapters, device))[0]


def _beside(checkpoint_sha256: str) -> Path:
    """Where a worker's machine keeps a checkpoint while it renders with it."""
    return Path(tempfile.gettempdir()) / f"earmark-{checkpoint_sha256}.safetensors"


Clip = tuple[bytes, dict[str, str], Took]


def render_clips(jobs: Sequence[Job], checkpoint: Any, device: str) -> list[Clip | QuantError]:
    """Render clips on a worker, one after another, up to the first that cannot be rendered: its error is the last."""
    made: list[Clip | QuantError] = []
    for job in jobs:
        try:
            made.append(render_clip(job, checkpoint, device))
        except QuantError as error:
            return [*made, error]
    return made


def render_clip(job: Job, checkpoint: Any, device: str) -> Clip:
    """Render a clip on a worker: the bytes of a FLAC file, what rendered it there, and how long that took.

    ``checkpoint`` are the bytes of the file that ``job`` names.
    """
    from quant.engine.checkpoint import read_header
    from quant.files import file_sha256, write_atomically
    from quant.rendering.clips import encode_flac, render_each
    from quant.rendering.recipe import environment

    model, engine = _source(job.model, job.adapters, device), None
    if model.sha256 != job.model_sha256:
        raise QuantError(
            f"{job.stimulus}: the model {job.model} on {socket.gethostname()} is not the study's "
            f"(sha256 {model.sha256[:12]}, not {job.model_sha256[:12]}); put the same weights on every machine"
        )
    if model.config_sha256 != job.config_sha256:
        raise QuantError(
            f"{job.stimulus}: model_config.json of {job.model} on {socket.gethostname()} is not the study's; "
            "put the same file on every machine"
        )
    if job.checkpoint_sha256 is not None:
        path = _beside(job.checkpoint_sha256)
        if not path.is_file() or file_sha256(path) != job.checkpoint_sha256:
            write_atomically(path, lambda temporary: temporary.write_bytes(checkpoint))
        model = _quantized(job.model, job.adapters, job.checkpoint_sha256, device)
        engine = read_header(path)["engine"]
    (one,) = render_each(model, [job.prompt], [job.seed], job.settings, names=[job.stimulus])
    return encode_flac(one.samples, model.sample_rate), environment(device, engine, __version__), took_of(one)


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray: Ray is not installed; .venv/bin/pip install -r requirements-ray.txt") from error
    return ray


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Connect to the cluster at ``address``, or start one on this machine and stop it again."""
    ray = _ray()
    options: dict[str, Any] = {"runtime_env": {"env_vars": {"PYTHONPATH": str(ROOT)}}}
    if address == LOCAL:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # no request leaves the host
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    else:
        _knock(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UsageError(f"--ray {address}: no cluster answers there ({reason}); leave the address out") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Refuse an address that nobody listens on: Ray itself tries for a minute, and then ends the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    try:
        if not host or not port.isdecimal():
            raise UsageError(f"--ray {address}: not an address; give HOST:PORT, or nothing to start a cluster here")
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"--ray {address}: no cluster answers there ({reason}); leave the address out to start one here"
        ) from error


def workers_at(address: str) -> int:
    """Say how many clips are rendered at once on the cluster at ``address``, or on one that would be started here.

    Raises
    ------
    UsageError
        If Ray is not installed or no cluster answers.
    """
    if address == LOCAL:
        from quant.model.devices import gpus

        _ray()
        return gpus() or len(os.sched_getaffinity(0))
    with _connected(address) as ray:
        found = ray.cluster_resources()
    return max(1, int(found.get("GPU", 0) or found.get("CPU", 0)))


def render_on_cluster(
    address: str, jobs: Sequence[Job], finished: Callable[[Job, bytes, dict[str, str], Took], None]
) -> None:
    """Render ``jobs`` on the cluster at ``address``.

    ``finished`` gets each clip, what rendered it and how long it took, when it comes.

    Raises
    ------
    UsageError
        If Ray is not installed or no cluster answers.
    QuantError
        If a clip cannot be rendered, be it that its worker died several times; what is finished stays.
    """
    if not jobs:
        return
    with _connected(address) as ray:
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        device = "cuda" if gpus else "cpu"
        task = ray.remote(render_clips).options(num_gpus=1 if gpus else 0, num_cpus=1, max_retries=3)
        # A checkpoint travels once to each machine, however many of its clips are rendered there.
        sent = {job.checkpoint_sha256: job.checkpoint for job in jobs}
        contents = {sha256: ray.put(path.read_bytes()) if path else None for sha256, path in sent.items()}
        pending = {
            task.remote(some, contents[some[0].checkpoint_sha256], device): some
            for some in tasks(jobs, gpus or int(resources.get("CPU", 1)))
        }
        while pending:
            (ready, *_), _ = ray.wait(list(pending))
            some = pending.pop(ready)
            try:
                made = ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise (error.cause if isinstance(error.cause, QuantError) else error) from None
            except ray.exceptions.RayError as error:
                reason = str(error).splitlines()[0][:120]
                raise QuantError(f"{some[0].stimulus}: its worker died several times ({reason})") from error
            for job, one in zip(some, made, strict=False):  # none follow one that cannot be rendered
                if isinstance(one, QuantError):
                    raise one
                finished(job, *one)


def tasks(jobs: Sequence[Job], workers: int) -> list[list[Job]]:
    """Split jobs into tasks of a few clips that one model renders, of at least twice as many as there are workers."""
    most = max(1, min(A_TASK, len(jobs) // (2 * max(workers, 1))))
    made: list[list[Job]] = []
    for job in jobs:
        last = made[-1] if made else []
        if last and len(last) < most and _rendered_by(last[0]) == _rendered_by(job):
            last.append(job)
        else:
            made.append([job])
    return made


def _rendered_by(job: Job) -> tuple[object, ...]:
    return job.model, job.adapters, job.checkpoint_sha256
