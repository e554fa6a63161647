"""Times: when each answer was given, if all times of a file can be read, and in one way only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

_SINCE_1970 = re.compile(r"(\d{10})(?:\.\d+)?|(\d{13})", re.ASCII)
_CLOCK = r"(?:,?[ T]+(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?: ?([AaPp])[Mm])?)?"
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})" + _CLOCK, re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})" + _CLOCK, re.ASCII)
_UTC = re.compile(r" ?(?:UTC|GMT)$")
DAY = "a day without a time of day"


def read_times(texts: Sequence[str], lines: Sequence[int]) -> tuple[pd.DatetimeIndex | None, str]:
    """Read a column of times, all of it in one format, or say in a line why it is not used.

    Formats: ISO 8601, with a time zone throughout or without throughout; year, month, day; day, month, year or month,
    day, year, where a day beyond the 12th shows which of them (dots stand for the day first); seconds or milliseconds
    since 1970. Each needs a time of day.

    Parameters
    ----------
    texts, lines
        The cells, and the line of the file on which each stands.

    Returns
    -------
    times, reason
        Moments in UTC, those without a time zone taken as if they were, or None; and why None.
    """
    plain = _as_exported(texts)
    if plain is not None:
        return plain, ""

    def place(text: str) -> int:
        return lines[texts.index(text)]

    read: dict[str, tuple[str, datetime | tuple[datetime | None, ...]]] = {}
    examples: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        found = _read(text)
        if found is None:
            what = f"{text!r} cannot be read as a time" if text else "the time is missing"
            return None, f"line {place(text)}: {what}"
        read[text] = found
        examples.setdefault(found[0], text)
    (way, example), *others = examples.items()
    if others:
        other, second = others[0]
        return None, (f"{example!r} (line {place(example)}) is {way}, and {second!r} (line {place(second)}) is {other}")
    if way == DAY:
        return None, f"{example!r} is {DAY}"
    moments: dict[str, datetime | None] = {text: of for text, (_, of) in read.items() if isinstance(of, datetime)}
    if not moments:
        orders = [{text: of[at] for text, (_, of) in read.items() if isinstance(of, tuple)} for at in (0, 1)]
        possible = [order for order in orders if None not in order.values()]
        if len(possible) != 1:
            why = "no day is after the 12th" if possible else "some can only begin with the day, some with the month"
            return None, f"it cannot be told whether {example!r} begins with the day or with the month: {why}"
        moments = possible[0]
    return pd.DatetimeIndex([moments[text] for text in texts]), ""


def in_time(ratings: pd.DataFrame) -> bool:
    """Say whether every rating has a moment, so that raters can be put in the order in which they finished."""
    times = ratings.get("rated_at")
    return times is not None and pd.api.types.is_datetime64_any_dtype(times) and bool(times.notna().all())


def _as_exported(texts: Sequence[str]) -> pd.DatetimeIndex | None:
    """Read ISO 8601 with a time zone throughout, or without throughout: a million of them take a second."""
    zones = {text[-1:] == "Z" or text[-6:-5] in ("+", "-") for text in texts}
    if len(zones) > 1 or min(map(len, texts)) <= len("2026-01-02"):
        return None
    try:
        return pd.to_datetime(texts, format="ISO8601", utc=True)
    except ValueError:
        return None


def _read(text: str) -> tuple[str, datetime | tuple[datetime | None, ...]] | None:
    """Read one time: how it is written, and the moment, or for figures the moments with the day and the month first."""
    if since := _SINCE_1970.fullmatch(text):
        scale, unit = (1, "seconds") if since[1] else (1000, "milliseconds")
        return f"{unit} since 1970", datetime.fromtimestamp(float(text) / scale, UTC)
    try:
        moment = datetime.fromisoformat(_UTC.sub("+00:00", text))
    except ValueError:
        return _figures(text)
    if len(text) <= len("2026-01-02"):
        return DAY, moment
    if moment.tzinfo is None:
        return "without a time zone", moment.replace(tzinfo=UTC)
    return "with a time zone", moment.astimezone(UTC)


def _figures(text: str) -> tuple[str, datetime | tuple[datetime | None, ...]] | None:
    """Read a time of year, month and day in figures."""
    if found := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, *clock = found.groups()
        orders = [_moment(year, month, day, clock)]
    elif found := _YEAR_LAST.fullmatch(text):
        one, mark, two, year, *clock = found.groups()
        orders = [_moment(year, two, one, clock)]
        if mark != ".":
            orders.append(_moment(year, one, two, clock))
    else:
        return None
    if not any(orders):
        return None
    if clock[0] is None:
        return DAY, tuple(orders)
    if len(orders) == 2:
        return f"figures with the year last and {mark!r} between them", tuple(orders)
    return "without a time zone" if found.re is _YEAR_FIRST else "day.month.year", orders[0] or ()


def _moment(year: str, month: str, day: str, clock: Sequence[str | None]) -> datetime | None:
    """Put figures together, where they are a moment."""
    hour, minute, second, half = clock
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "Pp" else 0)
    try:
        return datetime(int(year), int(month), int(day), hours, int(minute or 0), int(second or 0), tzinfo=UTC)
    except ValueError:
        return None
