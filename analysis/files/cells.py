"""Cells: values of a workbook, of Parquet or of JSON as the text that CSV would have."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

EXACT = 1e15  # up to here every whole number is exact as a float


def texts(values: Iterable[Any]) -> list[str]:
    """Write the values of a column as text; a column of moments that are all midnight is one of days.

    Examples
    --------
    >>> texts([4.0, 4.5, None, True, "007"])
    ['4', '4.5', '', 'true', '007']
    """
    held = list(values)
    moments = [value for value in held if isinstance(value, datetime) and not pd.isna(value)]
    days = all(moment.time() == time() for moment in moments)
    known: dict[Any, str] = {}
    written = []
    for value in held:
        if isinstance(value, str):
            written.append(known.setdefault(value, value))  # one string object a name saves memory
        elif days and isinstance(value, datetime) and not pd.isna(value):
            written.append(value.date().isoformat())
        else:
            written.append(text_of(value))
    return written


def text_of(value: Any) -> str:
    """Write a value as text: 4 for 4.0, a moment as ISO 8601, a list as JSON, nothing for what is missing."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple, dict, np.ndarray)):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating, Decimal)):
        number = float(value)
        return str(int(number)) if isfinite(number) and number == int(number) and abs(number) < EXACT else repr(number)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)


def _plain(value: Any) -> Any:
    """Give what JSON can hold in place of a value of numpy's."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else text_of(value)
