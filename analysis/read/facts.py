"""Facts: what is known of a study beyond its ratings. A report says nothing that is not among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any, Literal

from analysis.words import listed

MarginFrom = Literal["study", "written", "given", "default"]
MOST_LOOKS = 20  # that are told one by one
OWN = "own clips"  # the scheme of a condition that was not rendered
BY_CONDITION = ("kernel_path",)  # part of a recipe that may differ from condition to condition


@dataclass(frozen=True)
class StudyFacts:
    """What is known of a study beyond its ratings; what is not known is None or empty, and no sentence claims it.

    Parameters
    ----------
    name
        The report's title.
    question
        What participants were asked, in its own words.
    conditions, prompts
        Those of the study in its own order; a condition that has no ratings is reported as such.
    earmark
        Version of the program that makes the report.
    asked
        Type of the question as the study put it (`acr`, `ab`, ...); None where only the ratings are at hand.
    labels
        The words of the grades, where scores have words.
    margin_from
        Where the margin comes from: fixed by the study before its first rating, written in the configuration of a study
        that began before there was any freezing, given to this analysis, or the program's default.
    session
        What a participant was to go through.
    clips
        What the manifest says of the clips.
    scales
        Where a study asked on several scales: what it asked on each, by the scale's name.
    languages
        In which languages people took part, those of most people first; empty where that is not known.
    dated
        Whether the report says when it was made; without, the same ratings give the same bytes.
    running
        Whether the study still takes answers.
    looked
        When somebody asked for results while it ran (UTC), in words.
    stopping
        The confidence sequence by which the study was to stop, `bounded` or `asymptotic`; empty for none.
    """

    name: str = "Listening test"
    question: str | None = None
    conditions: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    earmark: str | None = None
    asked: str | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
    margin_from: MarginFrom | None = None
    session: SessionFacts | None = None
    clips: ClipFacts | None = None
    scales: Mapping[str, Asked] = field(default_factory=dict)
    languages: tuple[Spoken, ...] = ()
    dated: bool = True
    running: bool = False
    looked: tuple[str, ...] = ()
    stopping: str = ""

    @property
    def created(self) -> str:
        """The present moment (UTC), for a report that is dated; else empty."""
        return datetime.now(UTC).isoformat(timespec="seconds") if self.dated else ""

    def of(self, scale: str, question: str) -> StudyFacts:
        """Give what is known where the answers are those on one of several scales, of this type of question.

        Examples
        --------
        >>> known = StudyFacts("mine", scales={"match": Asked("numeric", "How well does it match?")})
        >>> one = known.of("match", "numeric")
        >>> one.name, one.asked, one.question
        ('mine: match', 'numeric', 'How well does it match?')
        """
        if not scale:
            return self
        asked = self.scales.get(scale)
        known = (asked.type, asked.question, asked.labels) if asked and asked.type == question else (None, None, {})
        return replace(self, name=f"{self.name}: {scale}", asked=known[0], question=known[1], labels=known[2])


@dataclass(frozen=True)
class Asked:
    """One of several scales, as a study asked for it.

    Parameters
    ----------
    type
        Type of the question.
    question
        What participants were asked, in its own words.
    labels
        The words of its grades.
    """

    type: str
    question: str | None = None
    labels: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Spoken:
    """A language in which people took part.

    Parameters
    ----------
    language
        Its name in English.
    participants
        How many of those whose ratings are analysed.
    question
        What they were asked, in its own words.
    """

    language: str
    participants: int
    question: str


@dataclass(frozen=True)
class SessionFacts:
    """What a participant was to go through, as the study fixed it.

    Parameters
    ----------
    order
        Order of the trials: `balanced`, `random` or `fixed`.
    prompts
        How many prompts each participant was to hear; None for all.
    practice
        How many practice trials came first.
    must_listen
        Whether a clip had to be heard to its end before its answer.
    checks
        How many quality checks of each kind there were, by name, such as "hidden repeat".
    headphones
        The headphone check; None if there was none.
    """

    order: str
    prompts: int | None
    practice: int
    must_listen: bool
    checks: Mapping[str, int] = field(default_factory=dict)
    headphones: Headphones | None = None


@dataclass(frozen=True)
class Headphones:
    """The headphone check, and how those came out of it whose ratings are analysed.

    Parameters
    ----------
    check
        Its kind: `antiphase` or `huggins`.
    needed
        How many of six answers had to be right.
    passed, failed, unknown
        How many raters; None where that is not known. Unknown are those without a finished check.
    """

    check: str
    needed: int
    passed: int | None = None
    failed: int | None = None
    unknown: int | None = None


@dataclass(frozen=True)
class ClipFacts:
    """What the manifest says of how the clips were made.

    Parameters
    ----------
    model
        The model's name; empty where all clips are own ones.
    earmark
        Version of the program that made the clips.
    sampling
        Settings of the sampler, by the manifest's names; `seeds` among them.
    conditions
        Settings, versions and hashes of each condition, by name; parts of a mapping are joined by a dot. A tuple of
        texts, each with its number of clips, where the clips of one condition differ.
    recipe
        Which of these names tell how the clips were computed, such as the device, and so should not differ.
    clips
        How many clips there are.
    seconds
        Length of the shortest and of the longest clip.
    loudness_apart
        Largest difference in loudness (LU) between two conditions of one prompt and seed; None for one condition.
    imported
        What own clips were brought to (`sample_rate`, `channels`, `loudness`, ...); empty where there are none.
    rated, unlisted
        How many different clips were rated, and how many of them the manifest does not list.
    """

    model: str
    earmark: str
    sampling: Mapping[str, Any]
    conditions: Mapping[str, Mapping[str, Any]]
    recipe: tuple[str, ...] = ()
    clips: int = 0
    seconds: tuple[float, float] = (0.0, 0.0)
    loudness_apart: float | None = None
    rated: int = 0
    unlisted: int = 0
    imported: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own(self) -> tuple[str, ...]:
        """The conditions of own clips, in order."""
        return tuple(name for name, settings in self.conditions.items() if settings.get("scheme") == OWN)


def looks(facts: StudyFacts) -> str:
    """Say how often and when somebody looked at results while the study ran; empty if nobody did.

    Examples
    --------
    >>> looks(StudyFacts(looked=("2026-11-27 09:30 UTC",)))
    'Results were looked at once while the study ran: 2026-11-27 09:30 UTC.'
    """
    if not facts.looked:
        return ""
    often = "once" if len(facts.looked) == 1 else f"{len(facts.looked)} times"
    more = len(facts.looked) - MOST_LOOKS
    when = f"{', '.join(facts.looked[:MOST_LOOKS])} and {more} more" if more > 0 else listed(facts.looked)
    return f"Results were looked at {often} while the study ran: {when}."


def stops(facts: StudyFacts) -> str:
    """Say by which rule the study was to stop; empty if it was to have a fixed number of raters."""
    if not facts.stopping:
        return ""
    return (
        f"The study was to stop when a confidence sequence ({facts.stopping}) had shown of each condition that it is "
        "equivalent to the baseline or different from it; this was fixed before the first rating."
    )


def warnings(facts: StudyFacts) -> list[str]:
    """Say what must be known first: that somebody has looked before the end, and what is wrong with the clips.

    Those may be rendered anew since, or not all computed alike.
    """
    said = []
    if facts.running:
        said.append("The study was still running when this report was made. Its results are not final.")
    if facts.stopping:
        said.append(
            f"{stops(facts)} What it shows stands under “If somebody looked at the results while the study ran”. "
            "Other intervals and p values hold only for a number of raters that was fixed beforehand."
        )
    if facts.looked:
        said.append(
            f"{looks(facts)} To look before the end is a bias: intervals and p values hold only if nobody ended or "
            "changed the study for what they saw."
        )
    clips = facts.clips
    if clips is None:
        return said
    if clips.unlisted:
        said.append(
            f"{clips.unlisted} of the {clips.rated} rated clips are not in the study's list of clips. They were "
            "replaced after they were rated, so the list does not say how they were made."
        )
    for key in clips.recipe:
        found = {name: settings[key] for name, settings in clips.conditions.items() if settings.get(key) is not None}
        mixed = {name: " and ".join(map(str, value)) for name, value in found.items() if several(value)}
        if mixed or (key not in BY_CONDITION and len({str(value) for value in found.values()}) > 1):
            whose = "one condition" if mixed else "the conditions"
            said.append(
                f"The clips of {whose} were not all computed in the same way. They differ in {key.replace('_', ' ')} "
                f"({_grouped(mixed or found)}). Ratings cannot tell such a difference from one between the conditions."
            )
    return said


def _grouped(values: Mapping[str, Any]) -> str:
    """Write values, each with the conditions that have it."""
    held: dict[str, list[str]] = {}
    for name, value in values.items():
        held.setdefault(str(value), []).append(name)
    return shorten("; ".join(f"{value}: {', '.join(names)}" for value, names in held.items()), 300, placeholder=" …")


def several(value: object) -> bool:
    """Tell whether a setting of `ClipFacts.conditions` differs among the clips of one condition."""
    return isinstance(value, tuple)
