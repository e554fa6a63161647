"""The verb measure: what metrics say of a study's clips, one table beside what people said."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import atomic
from app.counts import counted
from app.errors import UsageError
from app.folder import read_study
from app.output.terminal import word
from app.progress import Progress
from app.settings import load_settings
from app.verbs.metrics.facts import fact_cells, fact_columns
from app.verbs.metrics.hearing import networks, weights_folder
from app.verbs.metrics.reference import Reference, find_reference
from app.verbs.metrics.table import printed
from app.verbs.metrics.velocities import KEY, velocity_cells, velocity_column
from app.verbs.options import device, study
from quant.method.variants import VARIANTS

if TYPE_CHECKING:
    from analysis import Answers
    from analysis.metrics.basis.clips import Clip
    from analysis.metrics.basis.metric import Metric
    from analysis.metrics.measured import Measured
    from survey import Manifest, StudyConfig

NAMED = 3  # clips that a remark names
HIDDEN = (
    "people's ratings are left out, since the study is still running and to look at results before it ends is a bias; "
    "close it first: earmark state {folder} close"
)


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    reference_options(made)
    device(made)
    made.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder to write to; default: metrics, in the study"
    )


def reference_options(made: argparse.ArgumentParser) -> None:
    """Let a verb be told what to compare with, and with what to listen."""
    made.add_argument(
        "--reference",
        type=Path,
        metavar="FOLDER",
        help="real audio to compare with, named as the prompts' ids; default: the full-precision clips",
    )
    made.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="folder of the weights of CLAP, PaSST and OpenL3; default: that of EARMARK_WEIGHTS, else Hugging Face's "
        "cache",
    )
    made.add_argument(
        "--metrics", metavar="NAMES", help="measure these alone, their names with commas between; default: all usual"
    )


def run(arguments: argparse.Namespace) -> None:
    """Say what metrics say of the clips: Table 1 of the paper for a study's own conditions, beside people's ratings."""
    print(*measure_study(arguments), sep="\n")


def measure_study(arguments: argparse.Namespace) -> list[str]:
    """Measure, write the files, and give the lines to print."""
    from analysis.metrics.measured import write_measured
    from analysis.report.metrics_page import write_metrics_page
    from survey import read_manifest

    folder, config = read_study(arguments.study)
    chosen, weights = metrics_named(arguments.metrics, (KEY,)), weights_folder(arguments.weights)
    manifest = read_manifest(folder / "clips" / "manifest.json")
    clips, conditions = study_clips(folder, config, manifest)
    reference = None
    if arguments.reference is not None:
        reference = find_reference(arguments.reference, {prompt.id: [prompt.id] for prompt in config.prompts})
    out = arguments.output or folder / "metrics"
    measured = measured_clips(config.name, clips, conditions, reference, chosen, weights, out, folder)
    if not full_precision(config):
        measured = beside_baseline(measured)
    measured = replace(
        measured,
        columns=[*measured.columns, *fact_columns()],
        cells=[*measured.cells, *fact_cells(folder, config, manifest, conditions)],
    )
    if KEY in named(arguments.metrics):
        measured = replace(
            measured,
            columns=[*measured.columns, velocity_column()],
            cells=[*measured.cells, *velocity_cells(folder, config, conditions, arguments.device)],
        )
    try:
        write_measured(measured, out / "measured.json")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another with -o") from error
    people = people_of(folder, config)
    page = write_metrics_page(measured, out, people or ())
    last = [f"reference: {measured.reference}", f"page: {page}"]
    hidden = [HIDDEN.format(folder=word(folder))] if people is None else []
    return [*(f"remark: {one}" for one in (*measured.remarks, *hidden)), *printed(measured), *last]


def full_precision(config: StudyConfig) -> bool:
    """Whether a study's baseline is its model in full precision: neither own clips nor a quantized condition."""
    baseline = config.analysis.baseline
    return config.model is not None and baseline in VARIANTS and VARIANTS[baseline].scheme is None


def beside_baseline(measured: Measured) -> Measured:
    """Name the baseline where metrics say full precision, which only a model has."""
    words = {
        "its full-precision twin": f"its twin of {measured.baseline}",
        "no full-precision clip": f"no clip of {measured.baseline}",
        "the full-precision clip": f"the clip of {measured.baseline}",
        "full precision": measured.baseline,
    }

    def said(text: str) -> str:
        for old, new in words.items():
            text = text.replace(old, new)
        return text

    return replace(
        measured,
        columns=[replace(one, name=said(one.name), note=said(one.note)) for one in measured.columns],
        cells=[replace(one, why=said(one.why)) for one in measured.cells],
        clips=[replace(one, why=said(one.why)) for one in measured.clips],
    )


def people_of(folder: Path, config: StudyConfig) -> Sequence[Answers] | None:
    """Give what people said of a study's clips, a scale each; nothing if nobody has rated any, None while it runs."""
    from analysis import load_scales
    from analysis.errors import NoRatingsError
    from app.verbs.results.export import Export

    if load_settings().database_url is None and not (folder / "study.db").is_file():
        return ()
    with (
        atomic.scratch(Path(tempfile.gettempdir()), "earmark-measure-") as made,
        Export(folder, config) as opened,
    ):
        if opened.store.actions.looks().running:
            return None
        source = made / "ratings.csv"
        opened.for_analysis(source, None)
        try:
            return load_scales(source)
        except NoRatingsError:
            return ()


def named(names: str | None) -> list[str]:
    """Split names at their commas."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def metrics_named(names: str | None, besides: Sequence[str] = ()) -> Sequence[Metric]:
    """Give the metrics of these names, or the usual ones; ``besides`` are names of other columns.

    Raises
    ------
    UsageError
        If there is none of a name.
    """
    from analysis.metrics.registry import METRICS, OTHERS

    if names is None:
        return METRICS
    known = {metric.key: metric for metric in (*METRICS, *OTHERS)}
    wanted = list(dict.fromkeys(named(names)))
    if unknown := [name for name in wanted if name not in known and name not in besides] or [""] * (not wanted):
        raise UsageError(f"--metrics {unknown[0]}: no such metric; there are {', '.join([*known, *besides])}")
    return [known[name] for name in wanted if name in known]


def study_clips(folder: Path, config: StudyConfig, manifest: Manifest) -> tuple[list[Clip], list[str]]:
    """List the clips that a study's people hear in trials, and its conditions, the baseline first.

    Raises
    ------
    UsageError
        If a clip is missing or was changed since it was listed.
    """
    from analysis.metrics.basis.clips import Clip
    from quant.files import file_sha256
    from survey.clips.cells import TRIAL

    clips = []
    for one in manifest.clips:
        if one.kind != TRIAL:
            continue
        path = folder / "clips" / one.file
        if not path.is_file() or file_sha256(path) != one.sha256:
            again = f"run earmark generate {word(folder)} again"
            raise UsageError(f"{path}: missing, or not the clip that was listed; {again}")
        clips.append(Clip(path, one.sha256, one.prompt_id, one.prompt, one.condition, one.seed))
    baseline = config.analysis.baseline
    present = list(dict.fromkeys(clip.condition for clip in clips))
    order = [name for name in (*config.conditions, *present) if name in present]
    return clips, list(dict.fromkeys([baseline, *order]))


def measured_clips(
    study: str,
    clips: Sequence[Clip],
    conditions: Sequence[str],
    reference: Reference | None,
    metrics: Sequence[Metric],
    weights: Path | None,
    out: Path,
    folder: Path,
) -> Measured:
    """Measure clips against their full-precision twins and a reference; what networks hear is kept in ``out``.

    Parameters
    ----------
    conditions
        In their order, the full-precision one first.
    reference
        Real audio; the full-precision clips if None.
    folder
        The study's, which shows the progress.

    Raises
    ------
    SoundError
        If a clip cannot be read, or holds NaN or infinity.
    """
    from analysis.metrics.basis.clips import Given
    from analysis.metrics.measuring import measure

    twins = {(clip.prompt_id, clip.seed): clip for clip in clips if clip.condition == conditions[0]}
    given = Given(networks(out / "heard", weights), twins, list(twins.values()))
    words = f"the clips of {conditions[0]}, {counted(len(twins), 'clip')}"
    if reference is not None:
        given, words = replace(given, published=reference.published), reference.words
        if reference.clips:
            given = replace(given, reference=reference.clips, real=reference.by_prompt)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another with -o") from error
    with Progress(folder, len(clips) * (len(metrics) + 1), "clip") as progress:

        def advance(name: str, count: int) -> None:
            progress.advance(count)
            progress.say(name)

        remarks = _heard(clips, reference, progress)
        return measure(study, clips, conditions, given, metrics, reference=words, remarks=remarks, progress=advance)


def _heard(clips: Sequence[Clip], reference: Reference | None, progress: Progress) -> list[str]:
    """Read every clip once: what cannot be measured is refused, and what is peculiar is said."""
    progress.say("reading clips")
    silent, rates = [], set()
    for clip in clips:
        audio = clip.audio()
        rates.add(audio.rate)
        if audio.silent:
            silent.append(f"{clip.prompt_id}, {clip.condition}, seed {clip.seed}")
        progress.advance(1)
    remarks = list(reference.remarks) if reference else []
    if silent:
        few = "; ".join(silent[:NAMED]) + ("; and others" if len(silent) > NAMED else "")
        remarks.append(f"{counted(len(silent), 'clip')} {'is' if len(silent) == 1 else 'are'} silent ({few}).")
    real = {clip.audio().rate for clip in reference.clips} if reference else set()
    if real - rates:
        remarks.append(
            f"The reference is at {_hertz(real)}, the clips are at {_hertz(rates)}: where one has no high frequencies, "
            "metrics hear that as a difference."
        )
    if len(clips) == 1:
        remarks.append("There is one clip: no metric of sets has a value, and none an interval.")
    return remarks


def _hertz(rates: set[int]) -> str:
    return " and ".join(f"{rate:,} Hz" for rate in sorted(rates))
