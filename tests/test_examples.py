"""The examples in docstrings give what they say, and every function that computes has one."""

import ast
import doctest
import importlib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = (
    *(f"analysis/{room}" for room in ("conclude", "describe", "estimate", "infer", "plan", "questions")),
    *(f"quant/{room}" for room in ("engine", "inspect", "kernels", "method", "model", "rendering")),
)
Public = ast.FunctionDef | ast.ClassDef
# Without an example, each with the reason above it; names may only go.
LEDGER = ROOT / "tests" / "without_example.txt"


@cache
def texts() -> dict[str, str]:
    """Return the docstrings of public functions, and in quant of public classes, by `module:name`."""
    found = {}
    for room in ROOMS:
        kinds = Public if room.startswith("quant") else ast.FunctionDef
        for path in sorted((ROOT / room).glob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, kinds) and not node.name.startswith("_"):
                    found[f"{module}:{node.name}"] = ast.get_docstring(node) or ""
    return found


def modules() -> list[str]:
    """Return the modules with examples; only these are imported, since some need what is not everywhere."""
    packages = [path for package in ("analysis", "quant", "survey") for path in sorted((ROOT / package).rglob("*.py"))]
    told = [path for path in packages if ">>> " in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in told]


@pytest.mark.parametrize("module", modules())
def test_examples_give_what_they_say(module, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted
    assert not found.failed


def test_every_function_that_computes_has_an_example():
    without = {name for name, text in texts().items() if ">>> " not in text and not text.startswith("See :")}
    excused = {line for line in LEDGER.read_text(encoding="utf-8").splitlines() if not line.startswith("#")}
    assert sorted(without - excused) == [], "give an example"
    assert sorted(excused - without) == [], f"take these out of {LEDGER.name}"
