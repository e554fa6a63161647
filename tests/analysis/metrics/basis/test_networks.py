"""What networks heard, kept: each clip is heard once by each set of weights, and damage is no answer."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from analysis.errors import MetricError, NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.networks import Networks


class Counting:
    """A network that hears the mean of a clip, and counts what it is asked."""

    name, checkpoint = "counting", "a checkpoint"

    def __init__(self, sha256: str = "aa", convention: str = "1") -> None:
        self.sha256, self.convention = sha256, convention
        self.clips = 0
        self.texts: list[str] = []

    def hear(self, audio: Audio) -> dict[str, np.ndarray]:
        if audio.silent:
            raise NoValueError("it is silent")
        self.clips += 1
        return {"embedding": audio.samples.mean(axis=0), "frames": audio.samples.T}

    def read(self, texts):
        self.texts += texts
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


@pytest.fixture
def noise(seed):
    samples = np.random.default_rng(seed).normal(size=(20, 2)).astype(np.float32)
    return lambda: Audio(samples, 100)


def unread():
    raise AssertionError("the clip was read again")


def test_a_clip_is_heard_once_and_then_read_from_where_it_was_kept(noise, tmp_path):
    network = Counting()
    first = Networks({"counting": lambda weights: network}, kept=tmp_path).heard("counting", "ab" * 32, noise)
    again = Networks({"counting": lambda weights: network}, kept=tmp_path).heard("counting", "ab" * 32, unread)
    assert network.clips == 1
    for name in ("embedding", "frames"):
        assert_array_equal(again[name], first[name])


@pytest.mark.parametrize("other", [Counting(sha256="bb"), Counting(convention="2")])
def test_other_weights_or_another_front_end_hear_it_anew(noise, tmp_path, other):
    Networks({"counting": lambda weights: Counting()}, kept=tmp_path).heard("counting", "ab" * 32, noise)
    before = other.clips
    Networks({"counting": lambda weights: other}, kept=tmp_path).heard("counting", "ab" * 32, noise)
    assert other.clips == before + 1


def test_another_clip_is_heard(noise, tmp_path):
    network = Counting()
    networks = Networks({"counting": lambda weights: network}, kept=tmp_path)
    networks.heard("counting", "ab" * 32, noise)
    networks.heard("counting", "cd" * 32, noise)
    assert network.clips == 2


@pytest.mark.parametrize("damage", [b"", b"\x00" * 40, None])
def test_a_kept_file_that_is_damaged_is_made_again(noise, tmp_path, damage):
    network = Counting()
    networks = Networks({"counting": lambda weights: network}, kept=tmp_path)
    expected = networks.heard("counting", "ab" * 32, noise)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    found = networks.heard("counting", "ab" * 32, noise)
    assert network.clips == 2
    assert_array_equal(found["frames"], expected["frames"])
    assert networks.heard("counting", "ab" * 32, unread)


def test_what_cannot_be_heard_is_not_kept(tmp_path):
    networks = Networks({"counting": lambda weights: Counting()}, kept=tmp_path)
    for _ in range(2):
        with pytest.raises(NoValueError, match="silent"):
            networks.heard("counting", "ab" * 32, lambda: Audio(np.zeros((9, 1), np.float32), 100))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_network_is_loaded_once_and_what_keeps_it_from_it_is_said_each_time(tmp_path):
    loaded = []

    def load(weights):
        loaded.append(weights)
        if len(loaded) == 1:
            raise WeightsError("no weights here")
        return Counting()

    networks = Networks({"failing": load, "counting": lambda weights: Counting()}, weights=tmp_path)
    assert networks.of("counting") is networks.of("counting")
    for _ in range(2):
        with pytest.raises(WeightsError, match="no weights here"):
            networks.of("failing")
    assert loaded == [tmp_path]
    with pytest.raises(WeightsError, match="other: no such network here; there are failing, counting"):
        networks.of("other")
    assert list(networks.used) == ["counting"]


def test_each_text_is_read_once_and_texts_come_in_their_order():
    network = Counting()
    networks = Networks({"counting": lambda weights: network})
    texts = [f"text {'x' * k}" for k in range(70)]
    found = networks.texts("counting", [*texts, texts[0]])
    assert_array_equal(found[:, 0], [*range(5, 75), 5])
    networks.texts("counting", texts[5:9])
    assert network.texts == texts


def test_a_folder_that_cannot_keep_what_was_heard_is_named(noise, tmp_path):
    (tmp_path / "heard").touch()
    networks = Networks({"counting": lambda weights: Counting()}, kept=tmp_path / "heard")
    with pytest.raises(MetricError, match=rf"^{tmp_path}/heard/counting-\w+: cannot be written \(.*\); ") as caught:
        networks.heard("counting", "ab" * 32, noise)
    assert not isinstance(caught.value, NoValueError | WeightsError)  # or all metrics would have that for a reason
