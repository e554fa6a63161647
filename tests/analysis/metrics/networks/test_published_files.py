"""Statistics that stable-audio-metrics publishes: read as they are, and nothing in them is run."""

import pickle

import numpy as np
import pytest
import torch

from analysis.errors import MetricError
from analysis.metrics.networks.published_files import read_published

MOMENTS = "stable-audio__audiocaps-test__channels2__44100__openl3env__openl3hopsize0.5__batch4.npz"
PROBABILITIES = "stable-audio__audiocaps-test__collectmean__reference_probabilities.pkl"


def write_moments(path, random, **other):
    rows = random.standard_normal((40, 1024))
    held = {"mu_ref": rows.mean(axis=0), "sigma_ref": np.cov(rows, rowvar=False)} | other
    np.savez(path, **held)
    return held


def probabilities(random):
    return torch.softmax(torch.from_numpy(random.standard_normal(527).astype(np.float32)), 0).squeeze().cpu()


class Runs:
    """Leaves a file where it is unpickled."""

    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return (open, (str(self.made), "w"))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["tensors", "arrays", "views"])
def test_both_files_are_read_as_they_were_written(tmp_path, seed, protocol, kind):
    random = np.random.default_rng(seed)
    held = write_moments(tmp_path / MOMENTS, random)
    by_id = {7: probabilities(random), "103549": probabilities(random)}
    if kind == "arrays":
        by_id = {one: values.numpy() for one, values in by_id.items()}
    if kind == "views":
        by_id = {one: torch.stack([values, values])[1] for one, values in by_id.items()}
    with (tmp_path / PROBABILITIES).open("wb") as file:
        pickle.dump(by_id, file, protocol=protocol)
    found = read_published(None, tmp_path)
    assert sorted(found.files) == sorted([MOMENTS, PROBABILITIES])
    np.testing.assert_array_equal(found.moments["openl3"].mean, held["mu_ref"])
    np.testing.assert_array_equal(found.moments["openl3"].covariance, held["sigma_ref"])
    assert set(found.probabilities["passt"].by_id) == {"7", "103549"}
    for one, values in by_id.items():
        np.testing.assert_array_equal(found.probabilities["passt"].by_id[str(one)], np.asarray(values))


def test_each_network_has_the_moments_of_its_content_and_rate(tmp_path, seed):
    random = np.random.default_rng(seed)
    for name in ("44100__openl3env", "48000__openl3env", "44100__openl3music", "32000__openl3env"):
        write_moments(tmp_path / f"set__channels2__{name}__openl3hopsize0.5__batch4.npz", random)
    write_moments(tmp_path / "set__channels1__48000__openl3music__openl3hopsize0.5__batch4.npz", random)
    write_moments(tmp_path / "set__channels2__48000__openl3music__openl3hopsize0.1__batch4.npz", random)
    found = read_published(tmp_path).moments
    assert {name: one.file for name, one in found.items()} == {
        "openl3": "set__channels2__44100__openl3env__openl3hopsize0.5__batch4.npz",
        "openl3_48k": "set__channels2__48000__openl3env__openl3hopsize0.5__batch4.npz",
        "openl3_music": "set__channels2__44100__openl3music__openl3hopsize0.5__batch4.npz",
    }


def test_the_first_folder_counts(tmp_path, seed):
    random = np.random.default_rng(seed)
    for name in ("reference", "weights"):
        (tmp_path / name).mkdir()
    held = write_moments(tmp_path / "reference" / MOMENTS, random)
    write_moments(tmp_path / "weights" / MOMENTS, random)
    found = read_published(tmp_path / "reference", tmp_path / "weights").moments["openl3"]
    np.testing.assert_array_equal(found.mean, held["mu_ref"])


def test_nothing_is_published_where_nothing_lies(tmp_path):
    assert read_published(None, tmp_path, tmp_path / "missing").files == []


def test_two_sets_in_one_folder_are_named(tmp_path, seed):
    write_moments(tmp_path / MOMENTS, np.random.default_rng(seed))
    write_moments(tmp_path / MOMENTS.replace("audiocaps", "musiccaps"), np.random.default_rng(seed))
    with pytest.raises(MetricError, match=r"2 files of moments of openl3 \(.*audiocaps.*musiccaps"):
        read_published(tmp_path)


def test_code_in_the_pickle_is_refused_and_not_run(tmp_path):
    made = tmp_path / "made"
    for held in (Runs(made), {1: Runs(made)}, {1: [Runs(made)]}):
        (tmp_path / PROBABILITIES).write_bytes(pickle.dumps(held))
        with pytest.raises(MetricError, match=rf"{PROBABILITIES}: cannot be read \(it holds code: "):
            read_published(tmp_path)
        assert not made.exists()


def test_code_in_the_bytes_of_a_tensor_is_refused_and_not_run(tmp_path):
    """What torch pickles of a tensor's numbers is a pickle again, which torch would run."""
    made = tmp_path / "made"
    inside = tmp_path / "inside.pt"
    torch.save(Runs(made), inside)

    class Tensor:
        def __reduce__(self):
            return (torch.storage._load_from_bytes, (inside.read_bytes(),))

    (tmp_path / PROBABILITIES).write_bytes(pickle.dumps({1: Tensor()}))
    with pytest.raises(MetricError, match=rf"{PROBABILITIES}: cannot be read"):
        read_published(tmp_path)
    assert not made.exists()
    torch.storage._load_from_bytes(inside.read_bytes())
    assert made.exists()  # so the danger is real


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ([1, 2], "holds a list, no probabilities by id"),
        ({3: np.ones(3) / 3}, "of 3 it holds no 527 probabilities"),
        ({3: np.full(527, 0.5)}, "of 3 it holds no 527 probabilities"),
        ({3: np.full(527, np.nan)}, "of 3 it holds no 527 probabilities"),
        ({3: "rain"}, "of 3 it holds a str"),
        ({3: [[0.5], [0.2, 0.3]]}, "of 3 it holds a list"),
    ],
)
def test_what_are_no_probabilities_is_named(tmp_path, held, told):
    (tmp_path / PROBABILITIES).write_bytes(pickle.dumps(held))
    with pytest.raises(MetricError, match=told):
        read_published(tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 100, 2_000])
def test_a_file_that_is_cut_off_is_named(tmp_path, seed, cut):
    whole = pickle.dumps({7: probabilities(np.random.default_rng(seed))})
    (tmp_path / PROBABILITIES).write_bytes(whole[:cut])
    with pytest.raises(MetricError, match=rf"{PROBABILITIES}: cannot be read"):
        read_published(tmp_path)
    (tmp_path / PROBABILITIES).unlink()
    write_moments(tmp_path / MOMENTS, np.random.default_rng(seed))
    (tmp_path / MOMENTS).write_bytes((tmp_path / MOMENTS).read_bytes()[:cut])
    with pytest.raises(MetricError, match=r"batch4\.npz: cannot be read"):
        read_published(tmp_path)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"mu_ref": np.zeros(512)}, "are not of 1024 numbers"),
        ({"sigma_ref": np.full((1024, 1024), np.inf)}, "holds NaN or infinity"),
        ({"mu_ref": np.array([{"a": 1}], dtype=object)}, "cannot be read"),
    ],
)
def test_what_are_no_moments_is_named(tmp_path, seed, other, told):
    write_moments(tmp_path / MOMENTS, np.random.default_rng(seed), **other)
    with pytest.raises(MetricError, match=told):
        read_published(tmp_path)
