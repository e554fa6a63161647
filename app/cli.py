"""The command line: one verb for each step from weights to significance.

Torch is imported by the verbs that need it, when they need it.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.counts import counted
from app.errors import AppError, UsageError
from app.folder import DEMO, DEMO_STUDY, ROOT, TEMPLATE, create_study, read_study
from app.settings import load_settings, log_level
from app.verbs.analyze import options as report_options
from app.verbs.export import export_files
from app.verbs.export import options as export_options
from app.verbs.plan import options as plan_options

if TYPE_CHECKING:
    from survey import StudyConfig


# --- verbs ----------------------------------------------------------------------------------------


def demo(arguments: argparse.Namespace) -> None:
    """Make the demo study with the embedded model, open its survey in a browser."""
    from app.serve import listen, run_server

    listener = listen(arguments.host, arguments.port)
    if not (DEMO / "study.yaml").is_file():
        create_study(DEMO, DEMO_STUDY)
        print(f"made the study {DEMO}/")
    folder, config = read_study(DEMO)
    from app.verbs.pipeline import up_to_date

    if not up_to_date(folder, config):
        # In a process of its own: the server that follows needs none of what torch leaves in memory.
        try:
            command = [sys.executable, "-m", "app", "generate", str(folder), "--device", arguments.device]
            made = subprocess.run(command, check=False)
        except KeyboardInterrupt:
            raise SystemExit(130) from None  # the child has said what there is to say
        if made.returncode:
            raise SystemExit(made.returncode)
    run_server(folder, listener, browser=not arguments.no_browser)


def new(arguments: argparse.Namespace) -> None:
    """Make a study folder with a commented study.yaml to edit."""
    create_study(arguments.folder, TEMPLATE, arguments.model)
    print(f"made {arguments.folder}/study.yaml; edit it, then: earmark generate {arguments.folder}")


def calibrate(arguments: argparse.Namespace) -> None:
    """Record the activation ranges of the study's model over its calibration prompts."""
    from app.verbs.pipeline import calibrate_study
    from quant.model.devices import device_named

    folder, config = read_study(arguments.study)
    path = calibrate_study(folder, config, device_named(arguments.device))
    print(f"calibration: {path}" if path else "no condition is quantized; nothing to calibrate")


def quantize(arguments: argparse.Namespace) -> None:
    """Write a checkpoint for every quantized condition of a study, or one of a model, calibrating where not done."""
    if arguments.model or arguments.variant or arguments.output:
        _quantize_model(arguments)
        return
    from app.verbs.pipeline import quantize_study
    from quant.model.devices import device_named

    folder, config = read_study(arguments.study)
    for path in quantize_study(folder, config, device_named(arguments.device)):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


def _quantize_model(arguments: argparse.Namespace) -> None:
    from dataclasses import replace

    from app.verbs.quantization import quantize_model
    from quant.method.variants import variant_named
    from quant.model.devices import device_named

    if not (arguments.model and arguments.variant and arguments.output) or arguments.study:
        raise UsageError("quantize: give a study, or --model, --variant and -o together")
    variant = variant_named(arguments.variant)
    if variant.scheme is None:
        raise UsageError(f"--variant: {variant.name} is full precision; there is nothing to quantize")
    given = {"groups": arguments.groups, "rank": arguments.rank, "lowrank": arguments.lowrank}
    variant = replace(variant, **{key: value for key, value in given.items() if value is not None})
    variant = replace(variant, keep=tuple(arguments.keep or ()))
    device = device_named(arguments.device)
    quantize_model(arguments.model, variant, arguments.engine, arguments.prompts, arguments.output, device)
    print(f"{arguments.output}  {arguments.output.stat().st_size / 1e6:.1f} MB")


def inspect(arguments: argparse.Namespace) -> None:
    """Draw the model's activations and where quantization makes its error: figures and tables."""
    from app.verbs.inspection import inspect_study
    from quant.model.devices import device_named

    folder, config = read_study(arguments.study)
    out, device = arguments.output or folder / "inspection", device_named(arguments.device)
    found = inspect_study(folder, config, out, arguments.variant, arguments.layers, device)
    print(*found.summary(), sep="\n")
    print(f"figures and tables: {found.out}")


def generate(arguments: argparse.Namespace) -> None:
    """Render the clips of every condition, doing first whatever is missing, and check them."""
    from app.study import refuse_changes
    from app.verbs.pipeline import generate_study
    from quant.model.devices import device_named

    folder, config = read_study(arguments.study)
    refuse_changes(folder, config, load_settings())
    manifest = generate_study(folder, config, arguments.fresh, device_named(arguments.device), arguments.ray)
    print(f"{counted(len(manifest.clips), 'clip')}: {folder / 'clips'}")
    _gate(folder, config)


def check(arguments: argparse.Namespace) -> None:
    """Put the clips through the launch gate: silence, clipping, length, duplicates, missing cells and more."""
    from app.study import refuse_changes

    folder, config = read_study(arguments.study)
    refuse_changes(folder, config, load_settings())
    _gate(folder, config)


def _gate(folder: Path, config: StudyConfig) -> None:
    from app.study import check as launch_gate
    from survey import read_manifest

    manifest = read_manifest(folder / "clips" / "manifest.json")
    problems = launch_gate(config, manifest, folder / "clips")
    for problem in problems:
        print(f"{problem.stimulus or 'study'}: {problem.message}", file=sys.stderr)
    if problems:
        raise UsageError(
            f"{folder}: {counted(len(problems), 'fault')} found in the clips; fix before you open the study"
        )
    print(f"{counted(len(manifest.clips), 'clip')} passed the launch gate")


def serve(arguments: argparse.Namespace) -> None:
    """Open the survey: participants at /study, the researcher at /admin."""
    from app.serve import listen, run_server

    folder, _ = read_study(arguments.study)
    proxies = []
    if arguments.proxy is not None:
        from app.web.proxies import read_proxies

        proxies = read_proxies(arguments.proxy)
    run_server(folder, listen(arguments.host, arguments.port), browser=False, proxies=proxies)


def revise(arguments: argparse.Namespace) -> None:
    """Take over changes of what was frozen when the first session began, as a new revision of the study."""
    from app.study import revise_study

    folder, config = read_study(arguments.study)
    print(*revise_study(folder, config, load_settings()), sep="\n")


def status(arguments: argparse.Namespace) -> None:
    """Say how far a study is: clips, participants and ratings."""
    from app.researcher.overview import status_lines

    print(*status_lines(*read_study(arguments.study)), sep="\n")


def export(arguments: argparse.Namespace) -> None:
    """Write the ratings as tidy CSV, and the sessions and what happened in them where they are asked for."""
    print(*export_files(arguments, read_study), sep="\n")


def analyze(arguments: argparse.Namespace) -> None:
    """Say what the ratings prove: report.html, report.json and figures."""
    from app.verbs.analyze import make_report

    print(*make_report(arguments, read_study), sep="\n")


def plan(arguments: argparse.Namespace) -> None:
    """Say how many raters and prompts it takes: the power of each design, its cost, and the cheapest that suffices."""
    from app.verbs.plan import make_plan

    given = arguments.study is not None or Path("study.yaml").is_file()
    print(*make_plan(arguments, read_study(arguments.study) if given else None), sep="\n")


def bench(arguments: argparse.Namespace) -> None:
    """Run a benchmark of benchmarks/ and print its table."""
    scripts = sorted((ROOT / "benchmarks").glob("*.py"))
    names = [path.stem for path in scripts if "__main__" in path.read_text(encoding="utf-8")]
    if arguments.name not in names:
        raise UsageError(f"{arguments.name}: no such benchmark; choose from {', '.join(names)}")
    options = ["--json", str(arguments.json.resolve())] if arguments.json else []
    module = f"benchmarks.{arguments.name}"
    raise SystemExit(subprocess.run([sys.executable, "-m", module, *options], cwd=ROOT, check=False).returncode)


def test(arguments: argparse.Namespace) -> None:
    """Run the tests; further arguments go to pytest."""
    command = [sys.executable, "-m", "pytest", *arguments.pytest]
    raise SystemExit(subprocess.run(command, cwd=ROOT, check=False).returncode)


# --- the parser -----------------------------------------------------------------------------------


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: not a port; give 0 to 65535")
    return int(text)


def _count(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text}: not a count; give 1 to {most}")
        return int(text)

    return count


def parser() -> argparse.ArgumentParser:
    """Build the parser of every verb; a verb's help is its function's docstring."""
    top = argparse.ArgumentParser(
        prog="earmark", description="Blind listening tests for quantized text-to-audio diffusion transformers."
    )
    top.add_argument("--version", action="version", version=f"earmark {__version__}")
    verbs = top.add_subparsers(metavar="VERB", required=True)

    def verb(run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        text = (run.__doc__ or "").splitlines()[0]
        made = verbs.add_parser(run.__name__, help=text, description=text)
        made.set_defaults(run=run)
        return made

    def study(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "study", type=Path, nargs="?", metavar="STUDY", help="study folder; default: this folder, else demo-study"
        )

    def address(made: argparse.ArgumentParser) -> None:
        made.add_argument("--port", type=_port, default=7860, help="port to listen on; default: %(default)s")
        made.add_argument("--host", default="127.0.0.1", help="address to listen on; default: this machine only")

    def device(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--device", default="auto", metavar="NAME", help="auto (a GPU if one can be used), cpu, cuda or cuda:N"
        )

    address(made := verb(demo))
    device(made)
    made.add_argument("--no-browser", action="store_true", help="do not open a browser")
    made = verb(new)
    made.add_argument("folder", type=Path, metavar="FOLDER", help="folder to make")
    made.add_argument(
        "--model", metavar="NAME", help="mini, stable-audio-open-1.0, stable-audio-open-small, or a folder"
    )
    study(made := verb(calibrate))
    device(made)
    study(made := verb(quantize))
    device(made)
    made.usage = (
        f"{made.prog} [STUDY] [--device NAME]\n       {made.prog} --model NAME --variant NAME -o FILE [OPTION ...]"
    )
    made.add_argument("--model", metavar="NAME", help="instead of a study: a model's name or folder")
    made.add_argument("--variant", metavar="NAME", help="which variant of it to make")
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="checkpoint to write")
    made.add_argument("--groups", type=_count(1000), metavar="G", help="groups of timesteps; default: the variant's, 1")
    made.add_argument("--rank", type=_count(1000), metavar="R", help="of the low-rank branch; default: the variant's")
    made.add_argument("--lowrank", choices=("error", "weight"), help="what the branch is made from; default: error")
    made.add_argument("--keep", nargs="+", metavar="LAYER", help="layers that stay in 16 bits, such as ff.2")
    made.add_argument("--engine", choices=("integer", "reference"), default="integer", help="default: %(default)s")
    made.add_argument(
        "--prompts", type=_count(64), metavar="N", default=50, help="to calibrate on; 1 to 64, default: 50"
    )
    study(made := verb(inspect))
    device(made)
    made.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write; default: STUDY/inspection")
    made.add_argument(
        "--variant", action="append", default=[], metavar="NAME", help="variant to inspect, may be repeated; "
        "default: the study's quantized conditions",
    )  # fmt: skip
    made.add_argument("--layers", action="store_true", help="also quantize each layer alone, and rank them")
    study(made := verb(generate))
    device(made)
    made.add_argument("--fresh", action="store_true", help="render existing clips again, too")
    made.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS", help="render on a Ray cluster; without ADDRESS, start one"
    )
    study(verb(check))
    study(made := verb(serve))
    address(made)
    made.add_argument(
        "--proxy", metavar="ADDRESS[,ADDRESS...]", help="proxies that are trusted to say where requests come from"
    )
    study(verb(status))
    study(verb(revise))
    study(made := verb(export))
    export_options(made)
    report_options(verb(analyze))
    plan_options(verb(plan))
    made = verb(bench)
    made.add_argument("name", metavar="NAME", help="file of benchmarks/ to run")
    made.add_argument("--json", type=Path, metavar="FILE", help="file to write the figures to")
    verb(test).usage = "earmark test [PYTEST ARGUMENTS]"
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; our errors become one line and exit code 2, Ctrl-C exit code 130."""
    from analysis import AnalysisError
    from db import DbError
    from quant.errors import QuantError
    from survey import SurveyError

    top = parser()
    parsed, rest = top.parse_known_args(arguments)
    if rest and parsed.run is not test:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    parsed.pytest = rest
    try:
        logging.basicConfig(level=log_level(), format="%(name)s: %(message)s")
        parsed.run(parsed)
        sys.stdout.flush()
    except (AppError, AnalysisError, DbError, QuantError, SurveyError) as error:
        print(f"earmark: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nearmark: stopped; finished work is kept, run the same command to continue", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
