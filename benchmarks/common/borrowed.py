"""What the benchmarks borrow of the tests: their small studies, their server, their reference computations."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"


def borrow() -> None:
    """Let the modules beside the tests be imported by their bare names, as pytest does."""
    found = [str(path) for path in (TESTS, *sorted(TESTS.rglob("*"))) if path.is_dir() and "data" not in path.parts]
    sys.path += [path for path in found if path not in sys.path]
