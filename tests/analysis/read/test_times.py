"""Times: read where all can be read in one way only; else not used, with a line and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from analysis.read.ratings import load_ratings
from analysis.read.times import in_time

Write = Callable[..., Path]


def file_of(times: list[str]) -> str:
    rows = "".join(f'r{k},p,x,3,"{time}"\n' for k, time in enumerate(times))
    return "participant,prompt,condition,score,rated_at\n" + rows


FORMATS = {
    "ISO": "%Y-%m-%dT%H:%M:%S+00:00",
    "ISO, Z": "%Y-%m-%dT%H:%M:%SZ",
    "ISO, space": "%Y-%m-%d %H:%M:%S",
    "R": "%Y-%m-%d %H:%M:%S UTC",
    "slashes, year first": "%Y/%m/%d %H:%M:%S",
    "American": "%m/%d/%Y %H:%M:%S",
    "American, 12 hours": "%m/%d/%Y %I:%M:%S %p",
    "British": "%d/%m/%Y %H:%M:%S",
    "Dutch": "%d-%m-%Y %H:%M:%S",
    "German": "%d.%m.%Y %H:%M:%S",
    "seconds": "%s",
}


@pytest.mark.parametrize("style", FORMATS)
def test_one_format_throughout_is_read(write: Write, style: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(seconds=int(rng.integers(0, 80 * 86400))) for _ in range(40)]
    moments.append(datetime(2026, 2, 28, 0, 5, tzinfo=UTC))  # beyond the 12th, and past midnight
    texts = [str(int(m.timestamp())) if style == "seconds" else m.strftime(FORMATS[style]) for m in moments]
    ratings = load_ratings(write(file_of(texts)))
    assert ratings.frame["rated_at"].tolist() == moments
    assert ratings.source.remarks == ()
    assert in_time(ratings.frame)


def test_moments_with_their_own_zones_are_moments(write: Write) -> None:
    # The night on which summer time ends: the later one has the earlier clock.
    frame = load_ratings(write(file_of(["2026-10-25T02:50:00+02:00", "2026-10-25T02:10:00.5+01:00"]))).frame
    assert frame["rated_at"].tolist() == [
        datetime(2026, 10, 25, 0, 50, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 10, 0, 500_000, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (["01/02/2026 10:00"] * 3, "begins with the day or with the month: no day is after the 12th"),
        (["01/02/2026 10:00", "03/04/2026 10:00"], "no day is after the 12th"),
        (["13/02/2026 10:00", "02/13/2026 10:00"], "some can only begin with the day, some with the month"),
        (["2026-01-02T10:00:00Z", "2026-01-02 10:05:00"], "(line 2) is with a time zone"),
        (["2026-01-02 10:00", "13/01/2026 10:00"], "(line 3) is figures with the year last"),
        (["13.01.2026 10:00", "13/01/2026 10:00"], "(line 2) is day.month.year"),
        (["1767348000", "1767348000123"], "(line 2) is seconds since 1970"),
        (["2026-01-02", "2026-01-03"], "is a day without a time of day"),
        (["13/01/2026", "14/01/2026"], "is a day without a time of day"),
        (["2026-01-02 10:00", ""], "line 3: the time is missing"),
        (["2026-01-02 10:00", "2026-02-30 10:00"], "line 3: '2026-02-30 10:00' cannot be read as a time"),
        (["1/2/26 10:05"], "line 2: '1/2/26 10:05' cannot be read as a time"),
        (["46024.42"], "line 2: '46024.42' cannot be read as a time"),
        (["2026-01-02 10:00 CET"], "cannot be read as a time"),
        (["13/01/2026 13:00 PM"], "cannot be read as a time"),
        (["yesterday"], "cannot be read as a time"),
    ],
)
def test_times_that_can_be_read_in_two_ways_or_none_are_not_used(write: Write, times: list[str], says: str) -> None:
    ratings = load_ratings(write(file_of(times)))
    assert "rated_at" not in ratings.frame.columns
    assert len(ratings.frame) == len(times)
    (remark,) = ratings.source.remarks
    assert remark.startswith("The times in rated_at are not used: ")
    assert says in remark
    assert "such as 2026-02-01T14:05:00+00:00" in remark
    assert "\n" not in remark
    assert not in_time(ratings.frame)


def test_a_file_without_times_has_nothing_to_be_told(write: Write) -> None:
    assert load_ratings(write(file_of(["", ""]))).source.remarks == ()


def test_times_of_practice_are_not_read(write: Write) -> None:
    text = "participant,prompt,condition,score,kind,rated_at\nr,p,x,3,trial,2026-01-02T10:00:00Z\nr,p,x,3,practice,\n"
    assert in_time(load_ratings(write(text)).frame)
