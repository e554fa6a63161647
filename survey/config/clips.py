"""Own clips: where the audio files of a study lie that Earmark did not render, and what is done to them on import."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from survey.values import CONFIG, Reads, Schema, Truth, shown, text

AS_IS, AUTO = "as is", "auto"


@dataclass(frozen=True)
class NumberOr:
    """A number from `low` to `high`, or a word, which is read as None."""

    word: str
    low: float
    high: float
    whole: bool = False

    @property
    def allowed(self) -> str:
        """Say what may be written."""
        return f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"

    def read(self, value: Any) -> float | None:
        """Return the number, or None for the word."""
        if value is None or (isinstance(value, str) and value.strip().lower() == self.word):
            return None
        plain = isinstance(value, int if self.whole else (int, float)) and not isinstance(value, bool)
        if not plain or not self.low <= value <= self.high:
            raise ValueError(f"must be {self.word!r} or {self.allowed}, not {shown(value)}")
        return int(value) if self.whole else float(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Schema]) -> Schema:
        """Return pydantic's schema of such a value."""
        return Reads(self.read).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, core: Schema, handler: Callable[[Schema], Schema]) -> Schema:
        """Return the JSON schema of what may be written."""
        number = {"type": "integer" if self.whole else "number", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [number, {"const": self.word}, {"type": "null"}]}


def _read_short(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


def _short_schema(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "anyOf": [*made["anyOf"], {"type": "string", "pattern": r"\S"}]}


LONGEST_PATH = 1000
SHORT = Reads(_read_short, _short_schema)  # a text stands for the mapping whose source it is


@dataclass(frozen=True)
class OwnClips:
    """Audio files that were made elsewhere, and how they are made comparable."""

    __pydantic_config__ = CONFIG

    source: Annotated[str, text(LONGEST_PATH)]
    """a folder of `condition/prompt.wav`, or a table (CSV, XLSX, ODS); looked up in the study first"""
    loudness: Annotated[float | None, NumberOr(AS_IS, -50, -10)] = -23.0
    """LUFS (ITU-R BS.1770) that every clip is brought to; `as is` leaves them as they are"""
    trim_silence: Truth = False
    """whether silence (below -60 dBFS) is cut off at both ends"""
    sample_rate: Annotated[int | None, NumberOr(AUTO, 8000, 48000, whole=True)] = None
    """Hz; `auto`: the highest among the clips, at most 48000, so that none loses what it has"""
    channels: Annotated[int | None, NumberOr(AUTO, 1, 2, whole=True)] = None
    """1 or 2; `auto`: 2 if any clip has two"""
    missing: Truth = False
    """whether conditions may lack the clips of some prompts"""
