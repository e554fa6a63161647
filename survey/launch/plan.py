"""A study's raters and prompts against the plan that was made for it: plan/plan.json of `earmark plan`."""

from collections.abc import Iterator, Mapping
from typing import Any

from survey.config.study import FIVE, StudyConfig
from survey.launch.protocol import Item

PART, NAME = "plan", "raters and prompts"
AGAIN = "run `earmark plan` again"


def plan_item(config: StudyConfig, plan: Mapping[str, Any] | None) -> Item:
    """Hold the study's raters and prompts against a plan, as plan.json holds it; None where there is none.

    Raises
    ------
    KeyError, TypeError
        If that is no plan.
    """
    if plan is None:
        return Item(PART, NAME, "unchecked", "nothing was planned", "run `earmark plan`")
    if other := next(_others(config, plan), ""):
        return Item(PART, NAME, "unchecked", f"the plan is for {other}", AGAIN)
    raters, prompts = config.recruitment.target_participants, len(config.prompts)
    wanted, question, own = plan["wanted"], plan["question"], plan["own"]
    study = f"{raters} raters x {prompts} prompts"
    if own and (own["raters"], own["prompts"]) == (raters, prompts):
        reached = own[f"power_{question}"]
        said = f"{study} reach power {reached:.2f} of the {wanted:g} that was planned"
        return Item(PART, NAME, "pass", said) if reached >= wanted else Item(PART, NAME, "fail", said, _remedy(plan))
    enough = next((cell for cell in plan["enough"] if cell["prompts"] == prompts), None)
    if enough is None:
        return Item(PART, NAME, "unchecked", f"the plan says nothing of {study}", AGAIN)
    said = f"{study}, and the plan asks for {enough['raters']} raters"
    if raters >= enough["raters"]:
        return Item(PART, NAME, "pass", said)
    return Item(PART, NAME, "fail", said, _remedy(plan))


def unplanned(kind: str) -> Item:
    """Say of a study of this type that no plan is of it, whatever one lies there: plans are of single clips' points."""
    found = f"type {kind} gives single clips no points, and plans are of points"
    return Item(PART, NAME, "unchecked", found, "settle how many raters and prompts you take before the launch")


def _others(config: StudyConfig, plan: Mapping[str, Any]) -> Iterator[str]:
    """Say by what the plan is not this study's."""
    margin = config.analysis.equivalence_margin * FIVE / config.points
    for name, planned, present in (
        ("conditions", plan["conditions"], len(config.conditions)),
        ("a margin of", plan["claim"]["margin"], margin),
        ("an alpha of", plan["claim"]["alpha"], config.analysis.alpha),
        ("prompts_per_participant", plan["prompts_per_rater"] or 0, config.session.prompts_per_participant),
    ):
        if abs(planned - present) > 1e-6:
            said = f"{planned:g} {name}" if name == "conditions" else f"{name} {planned:g}"
            yield f"{said}, and the study has {present:g}"


def _remedy(plan: Mapping[str, Any]) -> str:
    """Say what would suffice."""
    cheapest = plan["cheapest"]
    if not cheapest:
        return f"no design of the plan suffices; change the margin before the launch, or {AGAIN} for a larger grid"
    return (
        f"take {cheapest['raters']} raters x {cheapest['prompts']} prompts (target_participants, prompts), or {AGAIN} "
        "for another goal"
    )
