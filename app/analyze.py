"""The verb analyze: from a study or a file of ratings to a report, and the lines to print."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.errors import UsageError

if TYPE_CHECKING:
    from analysis import Answers, StudyFacts
    from survey import StudyConfig

ORDERS = {"balanced": "balanced (Williams square)", "random": "random", "fixed": "one fixed"}


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("ratings", type=Path, nargs="?", help="a tidy ratings.csv or a study folder")
    made.add_argument("--baseline", help="condition that the others are compared with")
    made.add_argument("--margin", type=float, help="equivalence margin in points; default: the study's, else 0.3")
    made.add_argument("--all-pairs", action="store_true", help="compare every condition with every other, too")
    made.add_argument("--rater-model", action="store_true", help="fit each rater's bias and inconsistency, too")
    made.add_argument("--revision", type=int, metavar="N", help="revision of the study; default: the newest")
    made.add_argument("-o", "--output", type=Path, help="folder to write; default: report")


def make_report(
    arguments: argparse.Namespace, read_study: Callable[[Path | None], tuple[Path, StudyConfig]]
) -> list[str]:
    """Analyse, write the report, and give the lines to print."""
    from analysis import StudyFacts, load_answers
    from app.export import Export, remove_private

    lines: list[str] = []
    config, margin, alpha, baseline = None, 0.3, 0.05, None
    if arguments.ratings is not None and (arguments.ratings.is_file() or arguments.ratings.suffix == ".csv"):
        if arguments.revision is not None:
            raise UsageError("--revision: is about a study; a file is analysed as it is")
        source, out = arguments.ratings, arguments.output or Path("report")
        facts = StudyFacts(name=source.stem, earmark=__version__)
    else:
        folder, written = read_study(arguments.ratings)
        out = arguments.output or folder / "report"
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another with -o") from error
        source = out / "ratings.csv"
        with Export(folder, written) as study:
            config, lines = study.for_analysis(source, arguments.revision)
        lines += remove_private(out)
        facts = study_facts(config)
        rules = config.analysis
        baseline, margin, alpha = rules.baseline, rules.equivalence_margin, rules.alpha
    baseline = arguments.baseline or baseline
    margin = arguments.margin if arguments.margin is not None else margin
    loaded = load_answers(source)
    if loaded.question != "acr":
        return [*lines, *_findings(loaded, facts, baseline, margin, alpha, out)]
    return [*lines, *_opinions(loaded, facts, baseline, margin, alpha, out, arguments)]


def study_facts(config: StudyConfig) -> StudyFacts:
    """Say what is known of a study beyond its ratings, its protocol in whole sentences."""
    from analysis import StudyFacts
    from app.texts import texts
    from survey.config import Scale

    session, sampling, scale = config.session, config.sampling, config.scale
    question = scale.question
    if scale.type != "acr" and question == Scale().question:
        question = texts("en")[f"question_{scale.type}"]
    blocks = f"{session.prompts_per_participant} prompts" if session.prompts_per_participant else "every prompt"
    checks = [
        f"{count} {name}{'s' * (count > 1)}"
        for count, name in (
            (session.attention_checks, "mismatched clip"),
            (session.repeats, "hidden repeat"),
            (session.instructed_checks, "instructed answer"),
        )
        if count
    ]
    heard = "had to be heard to their end" if session.must_listen else "did not have to be heard to their end"
    sentences = [
        f"Clips of {sampling.seconds:g} s were made with {config.model} ({sampling.sampler}, {sampling.steps} steps, "
        f"guidance {sampling.cfg_scale:g}, {len(sampling.seeds)} seed{'s' * (len(sampling.seeds) > 1)} a prompt, the "
        "same noise for every condition) and brought to one loudness within a prompt.",
        f"Each participant heard {blocks} under every condition in a {ORDERS[session.order]} order after "
        f"{session.practice} practice trial{'s' * (session.practice != 1)}; clips {heard} before they were rated.",
        f"Quality checks: {', '.join(checks)}." if checks else "",
        f"Headphones were checked ({session.headphone_check}, {session.headphone_pass} of 6 right)."
        if session.headphone_check != "none"
        else "Headphones were asked for and not checked.",
    ]
    return StudyFacts(
        name=config.name,
        question=question,
        conditions=config.conditions,
        earmark=__version__,
        protocol=" ".join(sentence for sentence in sentences if sentence),
    )


def _opinions(
    loaded: Answers,
    facts: StudyFacts,
    baseline: str | None,
    margin: float,
    alpha: float,
    out: Path,
    arguments: argparse.Namespace,
) -> list[str]:
    """Report on scores from 1 to 5."""
    from analysis import analyze, write_report

    report = analyze(
        loaded.frame,
        baseline=baseline,
        margin=margin,
        alpha=alpha,
        facts=facts,
        source=loaded.source,
        checks=loaded.checks,
        all_pairs=arguments.all_pairs,
        bias=arguments.rater_model,
    )
    paths = write_report(report, out)
    lines = []
    for row in report.conditions:
        mean = "no ratings" if row.mean is None else f"mean {row.mean:.2f}"
        interval = f"{100 * (1 - alpha):g} % interval {_interval(row.ci_low, row.ci_high)}"
        lines.append(f"{row.condition:<16} {mean}  {interval}  n {row.n}")
    lines += [f"{verdict.condition}, these prompts: {verdict.words}" for verdict in report.verdicts]
    lines += [f"{verdict.condition}, prompts like these: {verdict.words}" for verdict in report.wide_verdicts]
    return [*lines, f"report: {paths.html}"]


def _findings(
    loaded: Answers, facts: StudyFacts, baseline: str | None, margin: float, alpha: float, out: Path
) -> list[str]:
    """Report on the answers to another type of question."""
    from analysis import analyze_answers, write_findings

    found = analyze_answers(loaded, baseline=baseline, margin=margin, alpha=alpha)
    page = write_findings(found, loaded.source, out, facts=facts)
    return [*found.sentences, f"report: {page}"]


def _interval(low: float | None, high: float | None) -> str:
    return "not estimable" if low is None or high is None else f"{low:.2f} to {high:.2f}".replace("-", "−")
