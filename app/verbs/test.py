"""The verb test: Earmark's own tests."""

import argparse
import subprocess
import sys

from app.errors import UsageError
from app.folder import ROOT


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.usage = f"{made.prog} [PYTEST ARGUMENTS]"
    made.set_defaults(pytest=[])


def run(arguments: argparse.Namespace) -> None:
    """Run the tests; further arguments go to pytest."""
    if not (ROOT / "tests").is_dir():
        raise UsageError("test: the tests are in the repository alone; run ./earmark test there")
    command = [sys.executable, "-m", "pytest", *arguments.pytest]
    raise SystemExit(subprocess.run(command, cwd=ROOT, check=False).returncode)
