"""The verb bench: a benchmark and its table."""

import argparse
import subprocess
import sys
from pathlib import Path

from app.errors import UsageError
from app.folder import ROOT


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("name", metavar="NAME", help="benchmark to run")
    made.add_argument(
        "--only", metavar="PART", help="part to run, of a benchmark that has parts; FILE keeps the others"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="file to write the figures to")


def scripts() -> list[Path]:
    """Find the benchmarks: the files of benchmarks/ and its folders that can be run."""
    files = (ROOT / "benchmarks").rglob("*.py")
    return sorted(
        (file for file in files if "__main__" in file.read_text(encoding="utf-8")), key=lambda file: file.stem
    )


def run(arguments: argparse.Namespace) -> None:
    """Run a benchmark of benchmarks/ and print its table."""
    if not (ROOT / "benchmarks").is_dir():
        raise UsageError("bench: the benchmarks are in the repository alone; run ./earmark bench there")
    modules = {path.stem: path.relative_to(ROOT).with_suffix("") for path in scripts()}
    if arguments.name not in modules:
        raise UsageError(f"{arguments.name}: no such benchmark; choose from {', '.join(sorted(modules))}")
    passed = ["--json", str(arguments.json.resolve())] if arguments.json else []
    passed += ["--only", arguments.only] if arguments.only else []
    module = ".".join(modules[arguments.name].parts)
    raise SystemExit(subprocess.run([sys.executable, "-m", module, *passed], cwd=ROOT, check=False).returncode)
