"""Every reader of files takes a damaged one or refuses it in one line; longer runs are `earmark bench fuzz`."""

import random
import warnings

import pytest

from benchmarks.fuzzing.mutate import mutated
from benchmarks.fuzzing.targets import TARGETS

RUNS = 120
FEW = {"parquet": 8, "ratings": 40}  # a process each; tables of many forms


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_refused_in_one_line(name, tmp_path, seed):
    target, rng = TARGETS[name], random.Random(seed)
    refused = 0
    for number in range(FEW.get(name, RUNS)):
        data = mutated(rng, target.seeds())
        (tmp_path / "last").write_bytes(data)  # where a crash of the interpreter leaves it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                refused += bool(target.refusal(data, tmp_path))
            except Exception as error:
                raise AssertionError(f"{name}, file {number}: {data[:300]!r}") from error
    assert refused, "nothing that was damaged was noticed"


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"checkpoint", "adapter", "listing"}))
def test_a_whole_file_is_taken(name, tmp_path):
    said = [TARGETS[name].refusal(data, tmp_path) for data in TARGETS[name].seeds()]
    assert not all(said), said
