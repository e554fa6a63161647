"""Numbers with their nouns, in the singular or the plural, and days counted in months."""

from calendar import monthrange
from datetime import date


def counted(count: int, noun: str) -> str:
    """Write `1 clip`, `2 clips` or `1,200 clips`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Write a number of bytes as `312 kB`, `4.1 MB` or `2.7 GB`; what is less than a kB is one."""
    if count >= 10**9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 10**6 else f"{max(1, round(count / 1000))} kB"


def months_before(day: date, months: int) -> date:
    """Return the same day some months before, or the last day of that month; the first there is for too many."""
    whole = day.year * 12 + day.month - 1 - months
    year, month = divmod(max(whole, 12), 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
