"""Options that several verbs share."""

import argparse
from collections.abc import Callable
from pathlib import Path


def study(made: argparse.ArgumentParser) -> None:
    """Let a verb be told which study it is about."""
    made.add_argument(
        "study", type=Path, nargs="?", metavar="STUDY", help="study folder; default: this folder, else demo-study"
    )


def output(made: argparse.ArgumentParser, said: str) -> None:
    """Let a verb be told which file to write; the help says what may be there, and what is written by default."""
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help=said)


def address(made: argparse.ArgumentParser) -> None:
    """Let a verb be told where to listen."""
    made.add_argument("--port", type=_port, default=7860, help="port to listen on; default: %(default)s")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on; default: this machine only")


def device(made: argparse.ArgumentParser) -> None:
    """Let a verb be told on what to compute."""
    made.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="auto, cpu, cuda or cuda:N; default: auto, a GPU if one can be used",
    )


def beyond_training(made: argparse.ArgumentParser) -> None:
    """Let a verb render clips that are longer than those of the model's training."""
    made.add_argument(
        "--beyond-training",
        action="store_true",
        help="allow clips that are longer than those that the model was trained on",
    )


def count(most: int) -> Callable[[str], int]:
    """Return what reads a whole number from 1 to ``most``."""

    def read(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text}: not a count; give 1 to {most}")
        return int(text)

    return read


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: not a port; give 0 to 65535")
    return int(text)
