"""What made the clips of a study, and whether all were made alike: else conditions differ by more than their names."""

from collections.abc import Mapping

BY_CONDITION = ("kernel_path",)
"""Facts that differ from condition to condition, and not within one."""
DIFFERENT = "was rendered differently from the clips before it"


class Alike:
    """Compares what made each clip with what made the clips before it."""

    def __init__(self) -> None:
        self._first: dict[str | None, Mapping[str, str]] = {}

    def difference(self, condition: str, recipe: Mapping[str, str]) -> str:
        """Say how a clip was made otherwise than the first one; empty if it was made alike."""
        first, own = self._first.setdefault(None, recipe), self._first.setdefault(condition, recipe)
        if not recipe or not first:
            return "" if recipe == first else f"what made {'the first' if recipe else 'it'} is not known"
        found = []
        for key in dict.fromkeys((*first, *recipe)):
            expected = (own if key in BY_CONDITION else first).get(key, "unknown")
            value = recipe.get(key, "unknown")
            if value != expected:
                found.append(f"{key.replace('_', ' ')}: {value}, not {expected}")
        return "; ".join(found)
