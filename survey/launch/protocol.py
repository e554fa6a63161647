"""The protocol of the launch gate: what is checked, what came of it, and what is to be done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from survey.clips.gate import Problem

FORMAT = 1

Outcome = Literal["pass", "fail", "unchecked"]
Verdict = Literal["met", "not met", "left to you"]
WORDS: dict[Outcome, str] = {"pass": "pass", "fail": "fail", "unchecked": "could not be checked"}
PARTS = {"clips": "The clips", "plan": "The plan", "panel": "The panel's rules"}


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is checked before a study opens.

    `part` says what of the study it is about, and `found` in one line what there is; `problems` name every clip that
    fails it. The `remedy` is empty where there is nothing to be done.
    """

    part: str
    name: str
    outcome: Outcome
    found: str
    remedy: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a standard asks of a test: `source` says where, and how it is known."""

    standard: str
    clause: str
    source: str
    asks: str
    verdict: Verdict
    found: str


@dataclass(frozen=True, slots=True)
class Protocol:
    r"""All that was checked of a study: items, of which a failed one is a reason not to launch, and requirements.

    Examples
    --------
    >>> protocol = Protocol((Item("clips", "silence", "pass", "every clip can be heard"),), ())
    >>> print(*protocol.lines(), sep="\n")
    The clips
      pass  silence  every clip can be heard
    """

    items: tuple[Item, ...]
    requirements: tuple[Requirement, ...]

    @property
    def failed(self) -> list[Item]:
        """The items that failed."""
        return [item for item in self.items if item.outcome == "fail"]

    def lines(self) -> list[str]:
        """Write it for a terminal, a line for each item, and one for each clip that fails it below."""
        lines: list[str] = []
        states, names = _width(WORDS[item.outcome] for item in self.items), _width(item.name for item in self.items)
        for part, heading in PARTS.items():
            items = [item for item in self.items if item.part == part]
            lines += [heading] if items else []
            for item in items:
                said = f"{item.found}; {item.remedy}" if item.remedy and not item.problems else item.found
                lines.append(f"  {WORDS[item.outcome]:<{states}}  {item.name:<{names}}  {said}")
                lines += [f"    {problem.stimulus or 'study'}: {problem.message}" for problem in item.problems]
        verdicts, places = _width(one.verdict for one in self.requirements), _width(map(_place, self.requirements))
        lines += ["What standards ask (refuses nothing)"] if self.requirements else []
        for one in self.requirements:
            lines.append(f"  {one.verdict:<{verdicts}}  {_place(one):<{places}}  {one.asks}: {one.found}")
        return lines

    def as_dict(self, **about: Any) -> dict[str, Any]:
        """Return it as JSON takes it, with what else is known `about` the study."""
        return {
            "format": FORMAT,
            **about,
            "passed": not self.failed,
            "items": [asdict(item) for item in self.items],
            "requirements": [asdict(one) for one in self.requirements],
        }


def problems_of(items: Sequence[Item]) -> tuple[Problem, ...]:
    """Return every problem of items, each named once.

    Examples
    --------
    >>> silent = Problem("p1.a.1", "silence", "is silent")
    >>> problems_of([Item("clips", "silence", "fail", "1 clip", problems=(silent,))]) == (silent,)
    True
    """
    return tuple(problem for item in items for problem in item.problems)


def _place(one: Requirement) -> str:
    return f"{one.standard} {one.clause} ({one.source})"


def _width(texts: Any) -> int:
    return max(map(len, texts), default=0)
