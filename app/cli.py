"""The command line: one verb for each step from weights to significance, each in a file of its name under app/verbs.

What a verb needs is imported when it is run, so that help and refusals come at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Sequence

from app import __version__
from app.output.terminal import BESIDE_BARS, Plain, as_typed, plain
from app.settings import log_level
from app.verbs import bench, test
from app.verbs.archives import archive, verify
from app.verbs.clips import check, generate, reproduce
from app.verbs.data import backup, purge, restore
from app.verbs.metrics import measure, table1
from app.verbs.model import calibrate, inspect, quantize
from app.verbs.results import analyze, export, plan
from app.verbs.study import account, demo, new, revise, serve, state, status
from app.watch.logs import Lines, begin

VERBS = (
    demo, new, calibrate, quantize, inspect, generate, check, serve, status, state, revise, account, backup, restore,
    purge, export, analyze, archive, verify, reproduce, measure, table1, plan, bench, test
)  # fmt: skip
"""The verbs in the order of the help. Each has `options`, which gives a parser its options, and `run`."""

NEGATIVE_RANGE = re.compile(r"-[\d.]+(-|\.\.|:|–|to)[+-]?[\d.]+")  # such as -3-3, of analyze --scale

OUR_ERRORS = (
    "app.errors.AppError", "analysis.errors.AnalysisError", "db.errors.DbError", "quant.errors.QuantError",
    "survey.errors.SurveyError",
)  # fmt: skip
"""The roots of our errors by name: to import the database's takes a second."""


def parser() -> argparse.ArgumentParser:
    """Build the parser of every verb; a verb's help is the docstring of its `run`."""
    top = argparse.ArgumentParser(
        prog=os.environ.get("EARMARK_COMMAND") or "earmark",
        description="Blind listening tests for quantized text-to-audio diffusion transformers.",
    )
    top.add_argument("--version", action="version", version=f"earmark {__version__}")
    parsers = top.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        text = (verb.run.__doc__ or "").splitlines()[0]
        made = parsers.add_parser(verb.__name__.rpartition(".")[2], help=text, description=text)
        made.set_defaults(run=verb.run, refuse=made.error)
        verb.options(made)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; our errors become a line for each fault and exit code 2, Ctrl-C exit code 130."""
    top = parser()
    parsed, rest = top.parse_known_args(_joined(sys.argv[1:] if arguments is None else arguments))
    if rest and parsed.run is not test.run:
        parsed.refuse(f"unrecognized arguments: {' '.join(rest)}")  # under the usage of its verb
    parsed.pytest = rest
    try:
        begin(log_level(), Lines())
        with contextlib.ExitStack() as plainly:
            if sys.stdout.isatty():  # what goes into a file stays as it is
                plainly.enter_context(contextlib.redirect_stdout(Plain(sys.stdout)))
            if sys.stderr.isatty():
                plainly.enter_context(contextlib.redirect_stderr(Plain(sys.stderr, BESIDE_BARS)))
            parsed.run(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nearmark: stopped; finished work is kept, run the same command to continue", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if not _is_ours(error):
            raise
        print(*(f"earmark: {line}" for line in as_typed(plain(str(error))).split("\n")), sep="\n", file=sys.stderr)
        return 2
    return 0


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join a range that begins with a minus to the option before it, which argparse would take for another option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1].startswith("--") and "=" not in joined[-1] and NEGATIVE_RANGE.fullmatch(argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _is_ours(error: Exception) -> bool:
    """Whether an error's message is all that is to be said; imports nothing, as the package that raised it is there."""
    return any(f"{kind.__module__}.{kind.__name__}" in OUR_ERRORS for kind in type(error).__mro__)
