"""The verb table1: the paper's Table 1 from captions, for any model: rendered, measured, beside the printed rows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from app import __version__
from app.counts import counted
from app.errors import UsageError
from app.folder import read_study
from app.verbs.metrics.captions import read_captions, spread
from app.verbs.metrics.estimate import Estimate, estimate, free_bytes, refuse_full_disk, told
from app.verbs.metrics.experiment import (
    Wanted,
    absolute,
    experiment_clips,
    reference_names,
    refuse_other,
    render_clips,
    write_folder,
)
from app.verbs.metrics.facts import STATE_DICT, fact_cells, fact_columns
from app.verbs.metrics.measure import measured_clips, metrics_named, reference_options
from app.verbs.metrics.paper import COLUMNS, MODEL, beside_paper, over_seeds, write_table
from app.verbs.metrics.reference import Reference, find_reference
from app.verbs.metrics.table import printed
from app.verbs.options import count, device
from quant.method.variants import PAPER, VARIANTS, variant_named
from quant.pretrained.folder import find

if TYPE_CHECKING:
    from analysis.metrics.basis.metric import Metric
    from analysis.metrics.measured import Measured
    from app.verbs.clips.render import RawClips
    from quant.rendering.sampling import Sampling

BASELINE = "baseline"
MOST = 1_000_000


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.usage = f"{made.prog} --model NAME --captions CSV [OPTION ...]"
    made.add_argument(
        "--model",
        required=True,
        metavar="NAME",
        help="mini, stable-audio-open-1.0, stable-audio-open-small, a folder, or a weight file in one",
    )
    made.add_argument(
        "--captions",
        required=True,
        type=Path,
        metavar="CSV",
        help="captions as AudioCaps has them: the columns youtube_id and caption, perhaps audiocap_id and start_time",
    )
    made.add_argument(
        "--limit", type=count(MOST), metavar="N", help="take a sample of N captions, of many clips; default: all"
    )
    made.add_argument(
        "--seeds",
        type=count(1000),
        default=1,
        metavar="N",
        help="seeds from 1000 on; default: %(default)s, the paper's",
    )
    made.add_argument(
        "--conditions", metavar="NAMES", help="these alone, with commas between, the baseline among them; default: all"
    )
    made.add_argument("--steps", type=count(1000), metavar="N", help="steps of a clip; default: the paper's 100")
    made.add_argument(
        "--calibration", type=count(64), default=50, metavar="N", help="calibration prompts; default: %(default)s"
    )
    reference_options(made)
    device(made)
    made.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS", help="render on a Ray cluster; without ADDRESS, start one"
    )
    made.add_argument("--estimate", action="store_true", help="say how long it would take and what it would hold; stop")
    made.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("table1"),
        metavar="FOLDER",
        help="study folder to make, or to go on with; default: %(default)s",
    )


def run(arguments: argparse.Namespace) -> None:
    """Do the paper's experiment: render captions under each condition, measure, print Table 1 beside the paper's."""
    from app.verbs.metrics.hearing import weights_folder

    folder, wanted = arguments.output, _wanted(arguments)
    chosen, weights = metrics_named(arguments.metrics), weights_folder(arguments.weights)
    reference = None
    if arguments.reference is not None:
        reference = find_reference(arguments.reference, reference_names(wanted.captions))
    refuse_other(folder, wanted)
    find(wanted.model)  # before torch is imported: a model that will not do is refused at once
    settings, found = _plan(arguments, wanted)
    if arguments.estimate:
        return
    refuse_full_disk(folder, found.bytes)
    write_folder(folder, wanted, settings)
    folder, config = read_study(folder)
    raw = render_clips(folder, config, arguments.device, arguments.ray)
    measured = _measured(folder, raw, wanted, reference, chosen, weights)
    lines = [f"remark: {one}" for one in measured.remarks]
    print(*lines, *printed(measured), "", *beside_paper(measured), *_written(measured, folder / "metrics"), sep="\n")


def _wanted(arguments: argparse.Namespace) -> Wanted:
    captions = read_captions(arguments.captions)
    sample = spread(captions, arguments.limit)
    conditions = PAPER
    if arguments.conditions is not None:
        named = [name.strip() for name in arguments.conditions.split(",") if name.strip()]
        for name in named:
            variant_named(name)
        conditions = tuple(name for name in VARIANTS if name in named)
        if BASELINE not in conditions:
            raise UsageError(
                f"--conditions: {arguments.conditions} lacks {BASELINE}, which all others are compared with"
            )
    return Wanted(
        absolute(arguments.model),
        arguments.captions,
        sample,
        arguments.seeds,
        conditions,
        arguments.steps,
        arguments.calibration,
    )


def _plan(arguments: argparse.Namespace, wanted: Wanted) -> tuple[Sampling, Estimate]:
    """Say what is to be done and how long it will take; return the settings of its clips, and the estimate."""
    from tqdm import tqdm

    from app.verbs.clips.cluster import workers_at
    from quant.model.devices import device_named
    from quant.model.loading import load_model
    from quant.rendering.sampling import paper_settings
    from quant.rendering.together import one_thread
    from survey import load_config

    workers = workers_at(arguments.ray) if arguments.ray else None
    model = load_model(wanted.model, device_named(arguments.device))
    settings = wanted.settings(paper_settings(model))
    with TemporaryDirectory() as place:
        write_folder(Path(place), wanted, settings)
        config = load_config(Path(place) / "study.yaml", VARIANTS)
    alone = one_thread() if workers else nullcontext()  # as each worker has
    shown = sys.stderr.isatty()
    with alone, tqdm(desc="timing", unit="run", leave=False, disable=not shown) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = estimate(arguments.output, config, model, settings, advance)
    lines = told(found, config, workers, free_bytes(arguments.output))
    after = "measuring comes after that and is not in these figures; --metrics takes fewer"
    print(f"captions: {_sample(wanted)}", *lines, *([after] if found.clips else []), sep="\n", flush=True)
    return settings, found


def _sample(wanted: Wanted) -> str:
    """Say what the sample is: captions, clips of audio, and how many texts appear twice."""
    pieces = len({(one.youtube_id, one.start) for one in wanted.captions})
    twice = len(wanted.captions) - len(wanted.prompts)
    repeat = "repeats" if twice == 1 else "repeat"
    again = f"; {twice} {repeat} the words of another, rendered once" if twice else ""
    return f"{counted(len(wanted.captions), 'caption')} of {counted(pieces, 'piece')} of audio{again}"


def _measured(
    folder: Path,
    raw: RawClips,
    wanted: Wanted,
    reference: Reference | None,
    chosen: Sequence[Metric],
    weights: Path | None,
) -> Measured:
    """Measure the clips as the models gave them, with the model's sizes and the seconds of a clip beside."""
    from survey import Manifest

    config = raw.config
    clips, conditions = experiment_clips(raw, wanted.captions), list(config.conditions)
    measured = measured_clips(config.name, clips, conditions, reference, chosen, weights, folder / "metrics", folder)
    described = {name: raw.described(name) for name in conditions}
    manifest = Manifest(config.name, wanted.model, __version__, {}, described, ())
    measured = replace(
        measured,
        columns=[*measured.columns, *fact_columns()],
        cells=[*measured.cells, *fact_cells(folder, config, manifest, conditions)],
    )
    return over_seeds(replace(measured, remarks=[*measured.remarks, *_remarks(measured, wanted, reference)]))


def _remarks(measured: Measured, wanted: Wanted, reference: Reference | None) -> list[str]:
    """Say what a number is of, and how far the paper's can be set beside it."""
    said = []
    counts = [
        f"{shown.heading.split()[0]} {counted(cell.n, 'clip')}"
        for shown in COLUMNS
        if shown.key != STATE_DICT
        and (cell := measured.cell(shown.key, measured.baseline)) is not None
        and cell.value is not None
    ]
    real = reference.clips if reference else ()
    against = f"; sets of clips are compared with {counted(len(real), 'real clip')}" if real else ""
    if counts:
        said.append(
            f"Under each condition there are {counted(len(wanted.captions), 'caption')}, of which count: "
            f"{', '.join(counts)}{against}."
        )
    if reference is None:
        said.append(
            "No --reference was given: what compares with real audio in the paper compares with the baseline here."
        )
    if wanted.model != MODEL:
        said.append(
            f"The paper's rows are of {MODEL}: a difference from them is one of models, and tells nothing of "
            "quantization."
        )
    if wanted.steps is not None:
        said.append(f"Clips have {counted(wanted.steps, 'step')}, not the paper's.")
    return said


def _written(measured: Measured, out: Path) -> list[str]:
    """Write the files; say where they are."""
    from analysis.metrics.measured import write_measured
    from analysis.report.metrics_page import write_metrics_page

    try:
        write_measured(measured, out / "measured.json")
        write_table(measured, out / "table1.csv")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); check the folder and the disk") from error
    return [f"table: {out / 'table1.csv'}", f"page: {write_metrics_page(measured, out)}"]
