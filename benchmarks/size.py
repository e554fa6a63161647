"""The size of the code: lines, files and foreign packages of each package, and what is installed to run it.

    earmark bench size

Code is what is left without blank lines, comments and docstrings. Nothing is run, and no time is measured.
"""

import ast
import io
import sys
import tokenize
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.report import options, publish

ROOT = Path(__file__).parent.parent
PACKAGES = ("analysis", "app", "db", "quant", "survey", "tests", "benchmarks")
OWN = {*PACKAGES, "atomic", "docs"}
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
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - OWN


def measure(folder: Path) -> Size:
    """Measure the Python files of a folder."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    own = {path.stem for path in texts}  # tests import their helpers by name alone
    lengths = {path: len(text.splitlines()) for path, text in texts.items()}
    longest = max(texts, key=lengths.__getitem__)
    return Size(
        files=len(texts),
        lines=sum(lengths.values()),
        code=sum(map(code_lines, texts.values())),
        longest=lengths[longest],
        longest_name=str(longest.relative_to(folder.parent)),
        foreign=frozenset(set().union(*map(foreign, texts.values())) - own),
    )


def installed() -> tuple[list[Distribution], int]:
    """Return what the requirements bring, with what that needs in turn, and how many were asked for by name."""
    lines = [line for name in REQUIREMENTS for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    asked = [Requirement(text) for line in lines if (text := line.partition("#")[0].strip())]
    alone = {Requirement(line).name for line in _texts("requirements-nodeps.txt")}
    found: dict[str, Distribution] = {}
    left = list(asked)
    seen: set[str] = set()
    while left:
        wanted = left.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        try:
            one = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        found[one.name.lower().replace("_", "-")] = one
        if wanted.name not in alone:
            needs = [Requirement(text) for text in one.requires or ()]
            extras = [*wanted.extras, ""]
            left += [need for need in needs if _needed(need, extras)]
    return list(found.values()), len(asked)


def _texts(name: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
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
