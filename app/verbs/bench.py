"""The verb bench: a benchmark and its table."""

import argparse
import subprocess
import sys
from pathlib import Path

from app.errors import UsageError
from app.folder import ROOT


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("name", metavar="NAME", help="file of benchmarks/ to run")
    made.add_argument("--json", type=Path, metavar="FILE", help="file to write the figures to")


def run(arguments: argparse.Namespace) -> None:
    """Run a benchmark of benchmarks/ and print its table."""
    scripts = sorted((ROOT / "benchmarks").glob("*.py"))
    names = [path.stem for path in scripts if "__main__" in path.read_text(encoding="utf-8")]
    if arguments.name not in names:
        raise UsageError(f"{arguments.name}: no such benchmark; choose from {', '.join(names)}")
    passed = ["--json", str(arguments.json.resolve())] if arguments.json else []
    module = f"benchmarks.{arguments.name}"
    raise SystemExit(subprocess.run([sys.executable, "-m", module, *passed], cwd=ROOT, check=False).returncode)
