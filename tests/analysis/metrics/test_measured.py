"""What was measured, as a file: as it was written, or refused in words."""

import json

import pytest

from analysis.errors import MetricError
from analysis.metrics.measured import Cell, ClipValue, Column, Measured, read_measured, write_measured


@pytest.fixture
def measured(seed):
    return Measured(
        study="Regen über Köln",
        baseline="baseline",
        conditions=["baseline", "w8a8"],
        columns=[Column("kad", "KAD (×100)", "lower", None, None, note="a note"), Column("size", "size", unit="MB")],
        cells=[
            Cell("kad", "baseline", None, why="these clips themselves"),
            Cell("kad", "w8a8", 0.1 + seed / 7, -0.5, 1.5, 12, seeds={1: 0.1, 2: 1 / 3}, details={"bandwidth": 3.5}),
            Cell("size", "w8a8", 12.5, difference=-3.0, difference_low=-4.0, difference_high=-2.0),
        ],
        clips=[ClipValue("kad", "w8a8", "p1", 1, None, "too short"), ClipValue("size", "w8a8", "p1", 2, 0.25)],
        networks={"aisfx": {"checkpoint": "aisfx 0.1.2", "sha256": "ab"}},
        reference="the full-precision clips",
        remarks=["two clips are silent"],
        sha256=["ab", "cd"],
    )


def test_it_is_read_as_it_was_written(measured, tmp_path):
    write_measured(measured, tmp_path / "measured.json")
    assert read_measured(tmp_path / "measured.json") == measured
    assert measured.cell("size", "w8a8").value == 12.5
    assert measured.cell("size", "baseline") is None


def test_a_number_that_is_none_is_not_written_and_what_was_there_stays(measured, tmp_path):
    path = tmp_path / "measured.json"
    write_measured(measured, path)
    before = path.read_bytes()
    measured.cells.append(Cell("size", "baseline", float("nan")))
    with pytest.raises(ValueError, match="JSON"):
        write_measured(measured, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: stored.pop("cells"),
        lambda stored: stored.update(format=0),
        lambda stored: stored.pop("format"),
        lambda stored: stored["columns"][0].update(other=1),
        lambda stored: stored["cells"][1].update(seeds={"one": 1}),
        lambda stored: stored.update(cells=[3]),
        lambda stored: stored.update(conditions=5),
        lambda stored: stored.update(prompts=[]),
        lambda stored: stored["clips"][1].update(value="high"),
        lambda stored: stored["clips"][1].update(value=float("nan")),
        lambda stored: stored["cells"][1].update(column="other"),
    ],
)
def test_a_file_of_another_version_or_shape_is_named_with_the_remedy(measured, tmp_path, change):
    path = tmp_path / "measured.json"
    write_measured(measured, path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    change(stored)
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(MetricError, match=r"^.*measured\.json: cannot be read .*; run earmark measure again$"):
        read_measured(path)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '"text"', "\xff\xfe"])
def test_a_file_that_is_missing_or_no_json_is_named_with_the_remedy(tmp_path, text):
    path = tmp_path / "measured.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(MetricError, match=r"measured\.json: cannot be read .*; run earmark measure again"):
        read_measured(path)
