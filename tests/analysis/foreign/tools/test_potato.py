"""Annotations of Potato, of version 1 and 2, as JSONL and as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drawn_ratings import cells, drawn, read, records, said

from analysis.errors import MissingColumnError
from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.foreign.tools.potato import recognised


@pytest.mark.parametrize(
    ("place", "label"),
    [
        ("labels", lambda score: {f"scale_{score}": str(score)}),
        ("labels", lambda score: {f"scale_{score}": "true"}),
        ("annotations", lambda score: {str(score): True}),
        ("label_annotations", lambda score: {"slider": score}),
        ("annotations", lambda score: score),
    ],
)
def test_records_of_one_schema(place: str, label: Any) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    who_is = "annotator" if place == "annotations" else "user_id"
    entries = [
        {
            "id" if place == "label_annotations" else "instance_id": f"{c}_{p}",
            who_is: who,
            place: {"quality": label(score)},
        }
        for (who, p, c), score in ratings.mixed()
    ]
    table = tidied(records(entries, "annotations.jsonl"), Options())
    assert cells(table) == ratings.scores
    assert "scale" not in table.header
    assert "annotations of Potato" in said(table)


def test_several_schemas_are_scales() -> None:
    first, second = drawn(), drawn()
    other = dict(zip(first.scores, second.scores.values(), strict=True))
    entries = [
        {"instance_id": f"{c}/{p}", "user_id": who, "labels": {
            "quality": {f"scale_{score}": score}, "match": {f"scale_{other[who, p, c]}": other[who, p, c]},
            "comment": {"text_box": "fine"}}}
        for (who, p, c), score in first.scores.items()
    ]  # fmt: skip
    table = tidied(records(entries), Options())
    parts = zip(*(table.column(n) for n in ("participant", "prompt", "condition", "scale", "score")), strict=True)
    assert {(who, p, c, scale): int(score) for who, p, c, scale, score in parts} == {
        **{(*cell, "quality"): score for cell, score in first.scores.items()},
        **{(*cell, "match"): score for cell, score in other.items()},
    }


@pytest.mark.parametrize("head", ["quality", "quality.scale_{}", "quality:::scale_{}"])
def test_tables_of_potato(tmp_path: Path, head: str) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    person = "user" if ":::" in head else "user_id"
    if "{}" in head:
        names = [head.format(level) for level in range(1, 6)]
        rows = [
            (f"{c}/{p}", who, *(score if score == level else "" for level in range(1, 6)))
            for (who, p, c), score in ratings.mixed()
        ]
    else:
        names = [head]
        rows = [(f"{c}/{p}", who, float(score)) for (who, p, c), score in ratings.mixed()]
    assert cells(read(tmp_path, ("instance_id", person, *names), rows)) == ratings.scores


def test_columns_of_the_items_go_before_their_names() -> None:
    ratings = drawn()
    entries = [
        {"instance_id": f"item{number}", "user_id": who, "system": c, "text": p, "labels": {"q": {f"scale_{s}": s}}}
        for number, ((who, p, c), s) in enumerate(ratings.mixed())
    ]
    assert cells(tidied(records(entries), Options())) == ratings.scores


def test_nothing_that_says_who(tmp_path: Path) -> None:
    entries = [{"id": f"{c}/{p}", "label_annotations": {"q": {"4": "true"}}} for c in "ab" for p in "xy"]
    with pytest.raises(MissingColumnError, match="nothing says whose annotations these are; add user_id"):
        tidied(records(entries), Options())


def test_a_file_that_only_resembles_is_not_taken() -> None:
    assert recognised(records([{"id": "1", "annotator": "a", "score": "3"}])) is None
    assert recognised(records([{"labels": {"q": {"4": "true"}}}])) is None
