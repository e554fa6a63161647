"""FD_openl3: the distance of pooled frames, published moments in place of audio, and too few clips."""

from functools import partial
from hashlib import sha256

import numpy as np
import pytest
import soundfile
import torch

from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Networks
from analysis.metrics.basis.published import Published, PublishedMoments
from analysis.metrics.measuring import measure
from analysis.metrics.networks.openl3 import OpenL3, load_openl3
from analysis.metrics.registry import LOADERS, METRICS, OTHERS
from analysis.metrics.unpaired.fd_openl3 import FD_OPENL3, FD_OPENL3_48K, FD_OPENL3_MUSIC

small = partial(OpenL3, (4, 8, 8, 3))


@pytest.fixture
def heard(tmp_path, seed):
    """Give small random networks of both contents."""
    torch.manual_seed(seed)
    for content in ("env", "music"):
        model = small()
        for part in model.modules():
            if isinstance(part, torch.nn.Conv2d):  # neither louder nor softer from layer to layer
                torch.nn.init.uniform_(part.weight, 0, 2 / part.weight[0].numel())  # at no seed deaf
                torch.nn.init.zeros_(part.bias)
        model.batch_normalization_1.running_mean.fill_(-80.0)
        model.batch_normalization_1.running_var.fill_(100.0)
        torch.save(model.state_dict(), tmp_path / f"torchopenl3_mel256_{content}_512.pth.tar")
    names = ("openl3", "openl3_48k", "openl3_music", "openl3_music_48k")
    assert set(names) <= set(LOADERS)
    return Networks({name: partial(load_openl3, name, build=small) for name in names}, tmp_path, tmp_path / "heard")


@pytest.fixture
def clips(tmp_path, seed):
    """Give a maker of clips, stereo noises of other colours."""
    random = np.random.default_rng(seed)

    def make(condition: str, count: int, seconds: float = 0.4) -> list[Clip]:
        made = []
        for number in range(count):
            path = tmp_path / f"{condition or 'real'}-{number}.wav"
            length = round(seconds * 48_000)
            shape = np.arange(1, length // 2 + 2)[:, None] ** -random.uniform(0, 1)
            sound = np.fft.irfft(np.fft.rfft(random.standard_normal((length, 2)), axis=0) * shape, length, axis=0)
            soundfile.write(path, 0.5 * sound / np.abs(sound).max(), 48_000)
            digest = sha256(path.read_bytes()).hexdigest()
            made.append(Clip(path, digest, f"p{number}", condition=condition, seed=1))
        return made

    return make


def moments(networks: Networks, some: list[Clip], network: str = "openl3") -> tuple[np.ndarray, np.ndarray]:
    each = [networks.heard(network, one.sha256, one.audio)["frames"] for one in some]
    rows = np.concatenate(each).astype(np.float64)
    return rows.mean(axis=0), np.cov(rows, rowvar=False)


def distance(one, other):
    """Give about the Frechet distance: the root's trace from the eigenvalues of the product of covariances."""
    apart, values = one[0] - other[0], np.linalg.eigvals(one[1] @ other[1]).real
    parts = apart @ apart, np.trace(one[1]), np.trace(other[1]), -2 * np.sqrt(np.maximum(values, 0)).sum()
    # Where sets are near each other these cancel, and a product that is not symmetric is the less exact way.
    return pytest.approx(sum(parts), abs=1e-6 * max(map(abs, parts)))


def test_the_distance_is_that_of_all_frames_pooled(heard, clips):
    made, real = clips("sqs-w8a8", 9), clips("", 8)
    found = FD_OPENL3.of_set(made, Given(heard, reference=real, real={}))
    assert found.value == distance(moments(heard, made), moments(heard, real))
    assert found.value > 0
    assert (found.n, found.details["blocks"], found.details["blocks_reference"]) == (9, 9, 8)
    assert found.details["dimension"] == 6
    assert FD_OPENL3 in METRICS


def test_others_of_the_name_hear_otherwise(heard, clips):
    made, real = clips("sqs-w8a8", 8), clips("", 8)
    given, found = Given(heard, reference=real, real={}), set()
    for metric in (FD_OPENL3_48K, FD_OPENL3_MUSIC):
        value = metric.of_set(made, given).value
        assert value == distance(moments(heard, made, metric.network), moments(heard, real, metric.network))
        found.add(value)
    assert len(found) == 2
    assert {FD_OPENL3_48K, FD_OPENL3_MUSIC} <= set(OTHERS)


def test_published_moments_stand_for_audio(heard, clips):
    base, made, real = clips("baseline", 8), clips("sqs-w8a8", 8), clips("", 8)
    published = Published(moments={"openl3": PublishedMoments(*moments(heard, real), "set.npz")})
    by_audio = Given(heard, reference=real, real={})
    by_file = Given(heard, reference=base, published=published)
    for some in (base, made):
        found = FD_OPENL3.of_set(some, by_file)
        assert found.value == pytest.approx(FD_OPENL3.of_set(some, by_audio).value, rel=1e-6)
        assert "set.npz" in found.why
    others = Given(
        heard,
        reference=real,
        real={},
        published=Published(moments={"openl3": PublishedMoments(np.full(6, 1e3), np.eye(6), "set.npz")}),
    )
    assert FD_OPENL3.of_set(made, others).value == FD_OPENL3.of_set(made, by_audio).value


def test_without_either_the_full_precision_clips_are_the_reference(heard, clips):
    base, made = clips("baseline", 8), clips("sqs-w8a8", 8)
    found = measure(
        "s", [*base, *made], ["baseline", "sqs-w8a8"], Given(heard, reference=base), [FD_OPENL3], reference=""
    )
    assert found.cell("fd_openl3", "baseline").value is None
    assert "these clips themselves" in found.cell("fd_openl3", "baseline").why
    wanted = distance(moments(heard, made), moments(heard, base))
    assert found.cell("fd_openl3", "sqs-w8a8").value == wanted


def test_too_few_clips_have_no_value_and_why(heard, clips):
    made, real = clips("sqs-w8a8", 3), clips("", 8)
    found = FD_OPENL3.of_set(made, Given(heard, reference=real, real={}))
    assert found.value is None
    assert "n = 3 clips (3 blocks) are too few for a Frechet distance in 6 dimensions" in found.why
    assert FD_OPENL3.of_set(real, Given(heard, reference=made, real={})).why.startswith("reference: n = 3 clips")
    few = Published(moments={"openl3": PublishedMoments(*moments(heard, real), "set.npz")})
    assert "n = 3 clips" in FD_OPENL3.of_set(made, Given(heard, published=few)).why
