"""What the checks are told to overlook stands in suppressions.toml with its reason, and only gets less."""

import ast
import re
import tokenize
import tomllib
from collections import Counter
from pathlib import Path

from docs.tables.house import ROOT, tracked

LEDGER = "tests/house/suppressions.toml"
COMMENTS = {
    "noqa": re.compile(r"#\s*(?:ruff:\s*)?noqa\b"),
    "type: ignore": re.compile(r"#\s*type:\s*ignore\b"),
    "no cover": re.compile(r"#\s*pragma:\s*no cover\b"),
}
SKIPS = re.compile(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)")


def in_python(path: Path) -> Counter[str]:
    """Count the suppressions of a Python file by their kind: in its comments, and its tests that may be skipped."""
    found: Counter[str] = Counter()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                found.update(kind for kind, pattern in COMMENTS.items() if pattern.search(token.string))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and SKIPS.fullmatch(ast.unparse(node)):
            found["skip"] += 1
    return found


def in_settings(text: str) -> Counter[str]:
    """Count what pyproject.toml overlooks: each rule of a folder, and each setting of a module."""
    tools = tomllib.loads(text)["tool"]
    lint, overrides = tools["ruff"]["lint"], tools["mypy"].get("overrides", [])
    return Counter(
        {
            "ignore": len(lint.get("ignore", [])),
            "per-file-ignores": sum(map(len, lint.get("per-file-ignores", {}).values())),
            "mypy overrides": sum(
                len([one["module"]] if isinstance(one["module"], str) else one["module"]) for one in overrides
            ),
        }
    )


def everywhere() -> dict[tuple[str, str], int]:
    """Count the suppressions of the repository by file and kind."""
    found = {
        ("pyproject.toml", kind): count for kind, count in in_settings((ROOT / "pyproject.toml").read_text()).items()
    }
    for path in tracked():
        if path.suffix == ".py":
            found |= {(str(path), kind): count for kind, count in in_python(ROOT / path).items()}
    return found


def listed() -> dict[tuple[str, str], dict[str, object]]:
    """Read the ledger: by file and kind how many there are, and why."""
    files = tomllib.loads((ROOT / LEDGER).read_text(encoding="utf-8"))
    return {(name, kind): entry for name, kinds in files.items() for kind, entry in kinds.items()}


def test_nothing_is_overlooked_that_the_ledger_does_not_list():
    allowed = {place: entry["count"] for place, entry in listed().items()}
    more = {place: count for place, count in everywhere().items() if count > allowed.get(place, 0)}
    assert not more, f"mend these, rather than list them in {LEDGER}: {more}"


def test_the_ledger_only_shrinks():
    found = everywhere()
    less = {place: found.get(place, 0) for place, entry in listed().items() if found.get(place, 0) < entry["count"]}
    assert not less, f"well done; now lower the numbers in {LEDGER}: {less}"


def test_every_entry_has_a_reason():
    assert [place for place, entry in listed().items() if len(str(entry.get("reason", "")).split()) < 3] == []


def test_nothing_is_ignored_where_mypy_does_not_look():
    assert [
        place for place in everywhere() if place[0].startswith(("tests/", "benchmarks/")) and place[1] == "type: ignore"
    ] == []


def test_a_suppression_is_found_in_code_and_not_in_text(tmp_path):
    path = tmp_path / "some.py"
    path.write_text(
        "import pytest\n"
        "text = '# noqa and # type: ignore, pytest.skip()'\n"
        "x = eval(text)  # noqa: S307\n"
        "y: int = text  # type: ignore[assignment]  # noqa\n"
        "@pytest.mark.skipif(True, reason='later')\n"
        "def test_it():\n"
        "    pytest.skip('never')\n"
    )
    assert in_python(path) == {"noqa": 2, "type: ignore": 1, "skip": 2}


def test_settings_are_counted():
    text = (
        '[tool.ruff.lint]\nignore = ["A", "B"]\n[tool.ruff.lint.per-file-ignores]\n"a" = ["C", "D"]\n"b" = ["C"]\n'
        '[[tool.mypy.overrides]]\nmodule = ["x", "y"]\n[[tool.mypy.overrides]]\nmodule = "z"\n'
    )
    assert in_settings(text) == {"ignore": 2, "per-file-ignores": 3, "mypy overrides": 3}
