"""The size of the code: lines, files and foreign packages of each package, and what is installed to run it.

    earmark bench size

Code is what is left without blank lines, comments and docstrings. Nothing is run, and no time is measured.
"""

import ast
import io
import sys
import tokenize
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.common.report import options, publish

ROOT = Path(__file__).parent.parent
PACKAGES = ("analysis", "app", "db", "quant", "survey", "tests", "benchmarks")
REQUIREMENTS = "requirements.txt", "requirements-nodeps.txt"
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Size:
    """Of a package: its files, all lines and those of code, the longest file, and the foreign packages it imports."""

    files: int
    lines: int
    code: int
    longest: int
    longest_name: str
    foreign: frozenset[str]


def code_lines(text: str) -> int:
    """Count the lines that hold code: no blank ones, comments or docstrings."""
    silent: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            for each in body:
                if (
                    isinstance(each, ast.Expr)
                    and isinstance(each.value, ast.Constant)
                    and isinstance(each.value.value, str)
                ):
                    silent |= set(range(each.lineno, (each.end_lineno or each.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - silent)


def foreign(text: str) -> set[str]:
    """Return the top packages that a file imports, other than Python's and ours."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - own()


@cache
def own() -> frozenset[str]:
    """Return the names under which our files are imported; those of the tests and their helpers are their own."""
    helpers = (path.stem for path in (ROOT / "tests").rglob("*.py"))
    return frozenset({*PACKAGES, "atomic", "docs", *helpers})


def measure(folder: Path) -> Size:
    """Measure the Python files of a folder."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    lengths = {path: len(text.splitlines()) for path, text in texts.items()}
    longest = max(texts, key=lengths.__getitem__)
    return Size(
        files=len(texts),
        lines=sum(lengths.values()),
        code=sum(map(code_lines, texts.values())),
        longest=lengths[longest],
        longest_name=str(longest.relative_to(folder.parent)),
        foreign=frozenset().union(*map(foreign, texts.values())),
    )


def installed() -> tuple[list[Distribution], int]:
    """Return what the requirements bring, with what that needs in turn, and how many they name."""
    named = {name: [Requirement(line) for line in _lines(ROOT / name)] for name in REQUIREMENTS}
    alone = {one.name for one in named["requirements-nodeps.txt"]}
    asked = [one for each in named.values() for one in each]
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    left = list(asked)
    while left:
        wanted = left.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        try:
            one = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        found[canonicalize_name(one.name)] = one
        if wanted.name not in alone:
            left += [need for need in map(Requirement, one.requires or ()) if _needed(need, [*wanted.extras, ""])]
    return list(found.values()), len(asked)


def _lines(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _needed(need: Requirement, extras: list[str]) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)


def megabytes(one: Distribution) -> float:
    """Return the size of the files that a distribution lists, in 10^6 bytes."""
    return sum(file.size or 0 for file in one.files or ()) / 1e6


def main() -> None:
    """Measure every package, and what is installed."""
    arguments = options(__doc__)
    figures: dict[str, float] = {}
    notes: dict[str, str] = {}
    for package in PACKAGES:
        size = measure(ROOT / package)
        figures |= {
            f"{package}_files": size.files,
            f"{package}_lines": size.lines,
            f"{package}_code": size.code,
            f"{package}_longest": size.longest,
            f"{package}_foreign": len(size.foreign),
        }
        notes[f"{package}_code"] = "lines without blank ones, comments and docstrings"
        notes[f"{package}_longest"] = f"lines: {size.longest_name}"
        notes[f"{package}_foreign"] = ", ".join(sorted(size.foreign, key=str.lower))
    found, asked = installed()
    weights = sorted(((megabytes(one), one.name) for one in found), reverse=True)
    figures |= {"asked_for": asked, "installed": len(found), "installed_mb": sum(weight for weight, _ in weights)}
    notes["asked_for"] = f"packages named in {' and '.join(REQUIREMENTS)}"
    notes["installed"] = "packages with what they need in turn"
    notes["installed_mb"] = "MB; most of it " + ", ".join(f"{name} {weight:.0f}" for weight, name in weights[:5])
    publish(figures, notes, arguments.json)


if __name__ == "__main__":
    main()
