"""Numbers with their nouns, in the singular or the plural."""


def counted(count: int, noun: str) -> str:
    """Write `1 clip`, `2 clips` or `1,200 clips`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
