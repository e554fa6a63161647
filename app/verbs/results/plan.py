"""The verb plan: from a study, a pilot or nothing but a margin to the power of its designs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from analysis.settings import ALPHA, MARGIN
from app import __version__
from app.folder import read_study
from app.verbs.results import foreign

if TYPE_CHECKING:
    from analysis.plan.designs import Plan
    from survey import Manifest, StudyConfig

T = TypeVar("T")
RATERS = PROMPTS = 20
"""The design asked about where neither a study nor an option names one."""
PLANNED = {"acr", "dcr", "numeric", "slider"}
"""The types of question that a plan is of: each clip gets points of its own."""


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options; what is left out comes from the study, else it is the default named here."""
    made.add_argument(
        "study",
        type=Path,
        nargs="?",
        metavar="STUDY",
        help="study folder; default: this folder if it is one, else none",
    )
    made.add_argument("--pilot", type=Path, metavar="FILE", help="ratings to estimate the spread of the scores from")
    made.add_argument(
        "--goal",
        choices=("equivalence", "noninferiority", "difference"),
        default="equivalence",
        help="what is to be shown; default: %(default)s",
    )
    made.add_argument(
        "--question",
        choices=("alike", "these"),
        default="alike",
        help="for prompts like these, or for these alone; default: %(default)s",
    )
    made.add_argument(
        "--difference",
        type=float,
        default=0.0,
        metavar="POINTS",
        help="true difference, needed for the goal difference; default: 0",
    )
    made.add_argument("--margin", type=float, metavar="POINTS", help=f"margin; default: the study's, else {MARGIN}")
    made.add_argument(
        "--alpha", type=float, metavar="A", help=f"significance level; default: the study's, else {ALPHA}"
    )
    made.add_argument("--power", type=float, default=0.8, metavar="P", help="power to reach; default: %(default)s")
    made.add_argument(
        "--conditions",
        type=int,
        metavar="N",
        help="how many, with the baseline; default: the study's, the pilot's, else 3",
    )
    made.add_argument(
        "--raters", type=int, metavar="N", help="raters of a design to check; default: the study's target, else 20"
    )
    made.add_argument("--prompts", type=int, metavar="N", help="prompts of that design; default: the study's, else 20")
    made.add_argument(
        "--prompts-per-rater",
        type=int,
        metavar="N",
        help="prompts one rater rates; default: the study's prompts_per_participant, else all",
    )
    made.add_argument(
        "--seconds", type=float, metavar="S", help="seconds per rating; default: the study's clip plus 5, else 15"
    )
    made.add_argument(
        "--minutes",
        type=float,
        default=30.0,
        metavar="M",
        help="longest time for one participant: longer designs are not proposed; default: 30",
    )
    made.add_argument("--per-rating", type=float, default=0.0, metavar="PRICE", help="price per rating; default: 0")
    made.add_argument(
        "--per-participant", type=float, default=0.0, metavar="PRICE", help="price per participant; default: 0"
    )
    made.add_argument("--rounded", action="store_true", help="round the simulated scores to 1, 2, ... 5; default: off")
    made.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder to write to; default: plan, in the study if there is one",
    )
    foreign.options(made)


def run(arguments: argparse.Namespace) -> None:
    """Say how many raters and prompts it takes: the power of each design, its cost, and the cheapest that suffices."""
    given = arguments.study is not None or Path("study.yaml").is_file()
    print(*make_plan(arguments, read_study(arguments.study) if given else None), sep="\n")


def make_plan(arguments: argparse.Namespace, study: tuple[Path, StudyConfig] | None) -> list[str]:
    """Plan as the options and the study say, write the page, and give the lines to print."""
    from analysis import load_ratings
    from analysis.plan.components import ASSUMED, estimate
    from analysis.plan.designs import PROMPTS as GRID
    from analysis.plan.designs import Cost, plan
    from analysis.plan.page import write_plan
    from analysis.plan.power import Claim
    from analysis.scale.rating_scale import FIVE
    from survey.clips.cells import TRIAL, clip_seconds

    folder, config = study or (None, None)
    components, conditions, notes = ASSUMED, 3, []
    if arguments.pilot is not None:
        pilot = load_ratings(arguments.pilot, foreign.given(arguments))
        scores = FIVE.low + (pilot.frame["score"] - pilot.scale.low) * (FIVE.length / pilot.scale.length)
        frame = pilot.frame if pilot.scale.is_five else pilot.frame.assign(score=scores)
        components, conditions = estimate(frame, arguments.pilot.name), frame["condition"].nunique()
        notes = [*foreign.notices(pilot.source), *(f"warning: {remark}" for remark in pilot.source.remarks)]
        if not pilot.scale.is_five:
            notes.append(
                f"The pilot's scores {pilot.scale.words} were carried over to 1 to 5, in whose points the plan is: "
                f"{pilot.scale.length / FIVE.length:g} points of the pilot's are 1 of the plan's."
            )
    raters, prompts, margin, alpha, per_rater, seconds = RATERS, PROMPTS, MARGIN, ALPHA, 0, 15.0
    if config:
        conditions, raters, prompts = (
            len(config.conditions),
            config.recruitment.target_participants,
            len(config.prompts),
        )
        margin, alpha = config.analysis.equivalence_margin * FIVE.length / config.points, config.analysis.alpha
        manifest = _manifest(folder) if folder and config.clips else None
        per_rater, seconds = config.session.prompts_per_participant, clip_seconds(config, manifest) + 5
        if (kind := config.asked.first.type) not in PLANNED:
            notes.append(f"warning: type {kind} gives single clips no points; this plan is of points, and not of it.")
        taken = {clip.seed for clip in manifest.clips if clip.kind == TRIAL} if manifest else config.sampling.seeds
        if (seeds := len(taken)) > 1:
            notes += [f"Planned for one clip per prompt and condition; the study has {seeds}, so multiply the ratings."]
    own = _given(arguments.raters, raters), _given(arguments.prompts, prompts)
    made = plan(
        Claim(arguments.goal, arguments.difference, _given(arguments.margin, margin), _given(arguments.alpha, alpha)),
        components,
        question=arguments.question,
        wanted=arguments.power,
        conditions=_given(arguments.conditions, conditions),
        # For these prompts and no others their number is not open.
        prompts=own[1:] if arguments.question == "these" and (config or arguments.prompts) else GRID,
        prompts_per_rater=_given(arguments.prompts_per_rater, per_rater or None),
        cost=Cost(
            _given(arguments.seconds, seconds), arguments.per_rating, arguments.per_participant, arguments.minutes
        ),
        own=own,
        rounded=arguments.rounded,
    )
    out = arguments.output or (folder / "plan" if folder else Path("plan"))
    told = [note.removeprefix("warning: ") for note in notes]
    told = [f"{note[0].upper()}{note[1:]}" for note in told]
    paths = write_plan(made, out, name=config.name if config else "Listening test", earmark=__version__, notes=told)
    spread = f"Spread of the scores: {components.source}."
    return [*made.sentences(), spread, *notes, *_table(made), f"plan: {paths.html}"]


def _manifest(folder: Path) -> Manifest | None:
    """Read what own clips there are, as their lengths and takes stand nowhere else."""
    from survey import ManifestError, read_manifest

    try:
        return read_manifest(folder / "clips" / "manifest.json")
    except ManifestError:
        return None


def _given(value: T | None, otherwise: T) -> T:
    """Take an option that was given, or what stands in for it."""
    return otherwise if value is None else value


def _table(made: Plan) -> list[str]:
    """Set the sufficient designs as a table."""
    from analysis.plan.designs import decimals

    if not made.enough:
        return []
    lines = [
        "prompts  fewest raters  power, prompts like these  power, these prompts  ratings  minutes per participant"
    ]
    for cell in made.enough:
        mark = "  cheapest" if cell == made.cheapest else ""
        lines.append(
            f"{cell.prompts:>7}  {cell.raters:>13}  {decimals(cell.power.alike):>25}  "
            f"{decimals(cell.power.these):>20}  {cell.ratings:>7,}  {cell.minutes:>23.0f}{mark}"
        )
    return lines
