"""The integer engine on the CPU: speed, memory and file size at full size, error on the embedded model, and peers.

Its parts can run apart: `--only` names one, and a file of `--json` keeps what it has of the others.
"""

import time
from collections.abc import Callable

import torch

from benchmarks.common.report import PACKAGES, options, publish
from benchmarks.common.rounds import THREADS, say
from benchmarks.engine import fidelity, files, held, speed
from benchmarks.peers import compare, in_ggml

Figures = tuple[dict[str, float], dict[str, str]]


def peers() -> Figures:
    """Whole transformers, and products alone."""
    figures, reasons = in_ggml.products()
    more, why = compare.peers()
    return figures | more, reasons | why


PARTS: dict[str, Callable[[], Figures]] = {
    "fidelity": lambda: (fidelity.fidelity(), {}),
    "speed": lambda: (speed.speeds(), {}),
    "held": held.held,
    "peers": peers,
    "files": lambda: (files.files(), {}),
}
NOTES = {**fidelity.NOTES, **speed.NOTES, **held.NOTES, **compare.NOTES, **in_ggml.NOTES, **files.NOTES}


def main() -> None:
    """Measure one part or all, one after the other, and write each as soon as it is known."""
    arguments = options(__doc__, PARTS)
    torch.set_num_threads(THREADS)
    for part in [arguments.only] if arguments.only else PARTS:
        began = time.monotonic()
        figures, reasons = PARTS[part]()
        say(f"{part}: {time.monotonic() - began:.0f} s")
        publish(figures, NOTES, arguments.json, reasons, parts=[part], packages=(*PACKAGES, *compare.VERSIONS))


if __name__ == "__main__":
    main()
