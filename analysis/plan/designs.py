"""Plan: the power of a grid of designs, and the cheapest of them that suffices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

from analysis.errors import SettingError
from analysis.plan.components import ASSUMED, Components
from analysis.plan.power import QUESTIONS, Claim, Design, Power, power

RATERS = (6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
PROMPTS = (3, 5, 8, 10, 12, 15, 20, 25, 30, 40)
LARGEST = 10_000
SURE = 0.999


def plan(
    claim: Claim,
    components: Components = ASSUMED,
    *,
    question: str = "alike",
    wanted: float = 0.8,
    conditions: int = 3,
    raters: Sequence[int] = RATERS,
    prompts: Sequence[int] = PROMPTS,
    prompts_per_rater: int | None = None,
    cost: Cost | None = None,
    own: tuple[int, int] | None = None,
    rounded: bool = False,
    seed: int = 0,
) -> Plan:
    """Find the power of every design on a grid, and the cheapest design that reaches what is wanted.

    Between the grid's numbers of raters the least that suffices is searched for by halving. Power is that of
    one condition taken alone.

    Parameters
    ----------
    claim
        What is to be shown, and what is true; its `comparisons` become the conditions less the baseline.
    components
        The spread of the scores.
    question
        `these` prompts or prompts `alike`.
    wanted
        The power to reach.
    conditions
        How many conditions every rater hears, the baseline among them.
    raters, prompts, prompts_per_rater
        The grid, and how many of the prompts one rater rates (all unless given).
    cost
        What a rating costs in time and money.
    own
        Raters and prompts of the design asked about; they join the grid.
    rounded, seed
        As in `analysis.plan.power.power`.

    Raises
    ------
    SettingError
        For what no study can mean or no design can show.

    Examples
    --------
    >>> found = plan(Claim(margin=0.5), raters=(10, 20, 40), prompts=(10, 20), conditions=2)
    >>> found.cheapest.prompts, found.power_of(found.cheapest) >= 0.8
    (10, True)
    """
    if not 2 <= conditions <= 1000:
        raise SettingError(f"conditions {conditions}: must be 2 to 1000, counting the baseline")
    claim, cost = replace(claim, comparisons=conditions - 1), cost or Cost()
    _check(claim, question, wanted)
    counts, sets = {*raters, *own[:1]} if own else {*raters}, {*prompts, *own[1:]} if own else {*prompts}
    if max(*counts, *sets) > LARGEST:
        raise SettingError(f"a grid of {max(*counts, *sets)} raters or prompts is too large; use at most {LARGEST}")
    known: dict[tuple[int, int], Cell] = {}

    def cell(many: int, items: int) -> Cell:
        if (many, items) not in known:
            design = Design(many, items, prompts_per_rater)
            surer = [c.power for c in known.values() if c.prompts == items and c.raters <= many and _sure(c.power)]
            found = surer[0] if surer else power(design, claim, components, rounded=rounded, seed=seed)
            known[many, items] = _cell(design, found, conditions, cost)
        return known[many, items]

    enough = [found for items in sorted(sets) if (found := _least(cell, sorted(counts), items, question, wanted))]
    short = [found for found in enough if found.minutes <= cost.longest]
    cheapest = min(short, key=lambda found: (found.price if cost.money else found.ratings, found.raters), default=None)
    if cheapest:
        counts.add(cheapest.raters)
    return Plan(
        claim=claim,
        components=components,
        question=question,
        wanted=wanted,
        conditions=conditions,
        prompts_per_rater=prompts_per_rater,
        rounded=rounded,
        cost=cost,
        cells=tuple(cell(many, items) for items in sorted(sets) for many in sorted(counts)),
        enough=tuple(enough),
        cheapest=cheapest,
        own=cell(*own) if own else None,
    )


def decimals(value: float) -> str:
    """Write a share without its zero; never 1 or 0 for what is not quite.

    Examples
    --------
    >>> decimals(0.804), decimals(0.9999), decimals(0.0)
    ('.80', '> .99', '< .01')
    """
    if value >= 0.995:
        return "> .99"
    return "< .01" if value < 0.005 else f"{value:.2f}".removeprefix("0")


def _check(claim: Claim, question: str, wanted: float) -> None:
    """Refuse what no design can show."""
    if question not in QUESTIONS:
        raise SettingError(f"question {question!r}: unknown; choose from {', '.join(QUESTIONS)}")
    if not (isfinite(wanted) and claim.alpha < wanted < 1):
        raise SettingError(f"power {wanted:g}: not between alpha ({claim.alpha:g}) and 1; a usual power is 0.8")
    if claim.goal == "difference" and claim.difference == 0:
        raise SettingError("difference 0: no design can show a difference that is not there; set one with --difference")
    if claim.goal == "equivalence" and abs(claim.difference) >= claim.margin:
        raise SettingError(
            f"difference {claim.difference:g}: outside the margin of {claim.margin:g}, so there is no equivalence to "
            "show; give a smaller --difference or a larger --margin"
        )
    if claim.goal == "noninferiority" and claim.difference <= -claim.margin:
        raise SettingError(
            f"difference {claim.difference:g}: worse by the margin of {claim.margin:g} or more, so non-inferiority is "
            "false; give a smaller loss with --difference or a larger --margin"
        )


def _least(
    cell: Callable[[int, int], Cell], counts: list[int], items: int, question: str, wanted: float
) -> Cell | None:
    """Find the fewest raters that suffice for so many prompts: on the grid, then between its numbers."""
    high = next((many for many in counts if cell(many, items).power.of(question) >= wanted), None)
    if high is None:
        return None
    low = max((many for many in counts if many < high), default=high - 1)
    while high - low > 1:
        middle = (low + high) // 2
        if cell(middle, items).power.of(question) >= wanted:
            high = middle
        else:
            low = middle
    return cell(high, items)


def _sure(found: Power) -> bool:
    """Tell whether more raters need no simulation of their own: they can only add power."""
    return min(found.these, found.alike) >= SURE


def _cell(design: Design, found: Power, conditions: int, cost: Cost) -> Cell:
    """Put a price on a design."""
    each = design.per_rater * conditions
    ratings = each * design.raters
    price = ratings * cost.per_rating + design.raters * cost.per_participant
    return Cell(design.raters, design.prompts, found, ratings, each * cost.seconds_per_rating / 60, price)


@dataclass(frozen=True)
class Cost:
    """What a rating costs.

    Parameters
    ----------
    seconds_per_rating
        Listening and answering; a clip of ten seconds takes about fifteen.
    per_rating, per_participant
        Money, in any currency; where both are 0 the cheapest design is that with the fewest ratings.
    longest
        Minutes that one participant can be asked to rate; longer designs are not proposed.
    """

    seconds_per_rating: float = 15.0
    per_rating: float = 0.0
    per_participant: float = 0.0
    longest: float = 30.0

    def __post_init__(self) -> None:
        for name in ("seconds_per_rating", "per_rating", "per_participant", "longest"):
            value, least = getattr(self, name), 0 if name.startswith("per_") else 1e-9
            if not (isfinite(value) and value >= least):
                raise SettingError(
                    f"{name.replace('_', ' ')} {value:g}: must be {'0 or more' if not least else 'above 0'}"
                )

    @property
    def money(self) -> bool:
        """Whether ratings or participants have a price."""
        return bool(self.per_rating or self.per_participant)


@dataclass(frozen=True)
class Cell:
    """One design: its power and its cost.

    Parameters
    ----------
    raters, prompts
        How many.
    power
        For either question.
    ratings
        Ratings in all.
    minutes, price
        Minutes of rating for one participant, and money in all.
    """

    raters: int
    prompts: int
    power: Power
    ratings: int
    minutes: float
    price: float

    def as_dict(self) -> dict[str, Any]:
        """Give the design's entry in plan.json."""
        plain = asdict(self)
        found = plain.pop("power")
        shares = {f"power_{name}": found[name] for name in QUESTIONS}
        return plain | shares | {"replications": found["replications"]}


@dataclass(frozen=True)
class Plan:
    """A grid of designs with their power.

    Parameters
    ----------
    claim, components, question, wanted, conditions, prompts_per_rater, rounded, cost
        What was asked; see `plan`.
    cells
        Every design of the grid.
    enough
        For each number of prompts that can do it, the design with the fewest raters that suffices.
    cheapest
        Of those, the cheapest that a participant can be asked for; None where no design suffices.
    own
        The design asked about, if one was.
    """

    claim: Claim
    components: Components
    question: str
    wanted: float
    conditions: int
    prompts_per_rater: int | None
    rounded: bool
    cost: Cost
    cells: tuple[Cell, ...]
    enough: tuple[Cell, ...] = field(default=())
    cheapest: Cell | None = None
    own: Cell | None = None

    def power_of(self, cell: Cell) -> float:
        """Give a design's power for the question asked."""
        return cell.power.of(self.question)

    def sentences(self) -> list[str]:
        """Say in words what is planned for, what the study's own design can do, and what suffices."""
        return [text for text in (self.aim(), self._own_words(), self._cheapest_words()) if text]

    def aim(self) -> str:
        """Say what is to be shown."""
        claim = self.claim
        what = {
            "equivalence": f"equivalence within ±{claim.margin:g} points",
            "noninferiority": f"that a condition is no worse by more than {claim.margin:g} points",
            "difference": "a difference",
        }[claim.goal]
        divided = f" divided by {claim.comparisons}" if claim.goal == "difference" and claim.comparisons > 1 else ""
        asked = "these prompts" if self.question == "these" else "prompts like these"
        true = f"{claim.difference:g}".replace("-", "−")
        return (
            f"To be shown for {asked}: {what}, at alpha {claim.alpha:g}{divided}, where the true difference is {true}; "
            f"{self.conditions} conditions."
        )

    def words(self, cell: Cell) -> str:
        """Say a design's power and cost."""
        error = cell.power.error(self.question)
        money = f", price {cell.price:,.2f}" if self.cost.money else ""
        return (
            f"power {decimals(self.power_of(cell))} (simulated, ± {max(error, 0.001):.3f}), "
            f"{cell.ratings:,} ratings in all, {_minutes(round(cell.minutes))} per participant{money}"
        )

    def _own_words(self) -> str:
        if not self.own:
            return ""
        other = next(name for name in QUESTIONS if name != self.question)
        label = "these prompts alone" if other == "these" else "prompts like these"
        power = decimals(self.own.power.of(other))
        return f"{_named(self.own)}: {self.words(self.own)}; for {label} its power is {power}."

    def _cheapest_words(self) -> str:
        if self.cheapest:
            return (
                f"The cheapest design that reaches {decimals(self.wanted)} is {_named(self.cheapest)}: "
                f"{self.words(self.cheapest)}."
            )
        if self.enough:
            shortest = min(self.enough, key=lambda cell: cell.minutes)
            return (
                f"No design reaches {decimals(self.wanted)} in {_minutes(self.cost.longest)} per participant; "
                f"the shortest design that reaches it is {_named(shortest)}: {self.words(shortest)}."
            )
        best = max(self.cells, key=self.power_of)
        advice = "more prompts help most" if self.question == "alike" else "more raters help most"
        raters, prompts = max(cell.raters for cell in self.cells), max(cell.prompts for cell in self.cells)
        return (
            f"No design up to {raters} raters x {prompts} prompts reaches {decimals(self.wanted)}; the best is "
            f"{_named(best)}, power {decimals(self.power_of(best))}; {advice}, or a wider margin stated beforehand."
        )

    def as_dict(self) -> dict[str, Any]:
        """Give the content of plan.json."""
        plain = asdict(self)
        plain["words"] = self.sentences()
        plain |= {name: [cell.as_dict() for cell in getattr(self, name)] for name in ("cells", "enough")}
        plain |= {name: cell and cell.as_dict() for name, cell in (("cheapest", self.cheapest), ("own", self.own))}
        return plain


def _named(cell: Cell) -> str:
    """Name a design."""
    return f"{cell.raters} raters x {cell.prompts} prompt{'' if cell.prompts == 1 else 's'}"


def _minutes(count: float) -> str:
    """Write a number of minutes."""
    return f"{count:g} minute{'' if count == 1 else 's'}"
