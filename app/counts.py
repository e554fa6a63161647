"""Numbers with their nouns, in the singular or the plural, and days counted in months."""

from calendar import monthrange
from datetime import date


def counted(count: int, noun: str) -> str:
    """Write `1 clip`, `2 clips` or `1,200 clips`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def months_before(day: date, months: int) -> date:
    """Return the same day some months before, or the last day of that month; the first there is for too many."""
    whole = day.year * 12 + day.month - 1 - months
    year, month = divmod(max(whole, 12), 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
