"""Contestants in processes of their own: held to instruction sets, and with thread pools that meet no other's."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.common.rounds import THREADS, seconds

ROOT = Path(__file__).parents[2]


class ServedError(Exception):
    """A contestant that cannot take part: what it said last."""


class Served:
    """A function of a module, ``place`` as ``module:function``, called in a process of its own with ``arguments``.

    What it returns is called for each :meth:`seconds`, or by :meth:`value` once, for a result that JSON can hold.
    """

    def __init__(self, place: str, *arguments: Any, held: Mapping[str, str] | None = None) -> None:
        self._place = place
        handle, self._told = tempfile.mkstemp(suffix=".log")
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(THREADS), **(held or {})}
        command = [sys.executable, "-c", "from benchmarks.common.served import serve; serve()", place]
        self._process = subprocess.Popen(
            [*command, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=handle,
            text=True,
            env=environment,
        )
        os.close(handle)
        try:
            self._read()
        except ServedError:
            self.close()
            raise

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            lines = Path(self._told).read_text(encoding="utf-8").strip().splitlines()
            raise ServedError(f"{self._place} ended with {self._process.returncode}: {' '.join(lines[-1:])}")
        return json.loads(line)

    def _ask(self, what: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._read()

    def seconds(self) -> float:
        """Have it run once; the seconds that it took."""
        return float(self._ask("seconds"))

    def value(self) -> Any:
        """Have it run once; what it returned."""
        return self._ask("value")

    def close(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        Path(self._told).unlink(missing_ok=True)


def serve() -> None:
    """Be the process of a :class:`Served`: answer on what was the standard output, where libraries print no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    place, arguments = sys.argv[1], json.loads(sys.argv[2])
    module, _, function = place.partition(":")
    torch.set_num_threads(THREADS)
    run = getattr(importlib.import_module(module), function)(*arguments)
    print("null", file=answers, flush=True)
    for line in sys.stdin:
        found = seconds(run) if line.strip() == "seconds" else run()
        print(json.dumps(found), file=answers, flush=True)
