"""The plan of the house: no circle, small rooms, and a face on each that says what others may take from it."""

import ast
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("analysis", "app", "db", "quant", "survey")
MOST_FILES, MOST_LINES, MOST_LINES_OF_A_SCRIPT = 12, 350, 250
READ = {".py", ".js", ".css", ".html"}


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files of the repository, those that are not committed yet among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(Path(name) for name in listed.splitlines() if (ROOT / name).exists())


@cache
def modules() -> dict[str, Path]:
    """Return the modules of the packages by their dotted name."""
    found = [path for path in tracked() if path.suffix == ".py" and path.parts[0] in PACKAGES]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in found}


def is_face(name: str) -> bool:
    return modules()[name].name == "__init__.py"


def rooms() -> list[str]:
    """Return the sub-packages, those of the migrations left out: Alembic loads them by their place."""
    return [name for name in modules() if is_face(name) and name not in PACKAGES and "migrations" not in name]


def room_of(name: str) -> str:
    """Return the sub-package of a module; one that stands on a package's ground is a room of its own."""
    return name if is_face(name) or name.count(".") < 2 else name.rpartition(".")[0]


def imported(name: str) -> Iterator[str]:
    """Yield the modules of the packages that a module imports, at its top or within a function."""
    for node in ast.walk(ast.parse((ROOT / modules()[name]).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                full = f"{node.module}.{each.name}"
                found = full if full in modules() else node.module
                if found in modules():
                    yield found


@cache
def arrows() -> dict[str, set[str]]:
    """Return which modules each module imports, faces left out: they only name others."""
    return {name: {to for to in imported(name) if to != name} for name in modules() if not is_face(name)}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_rooms_stand_in_a_circle(package):
    plan = defaultdict(set)
    why = defaultdict(set)
    for name, targets in arrows().items():
        for to in targets:
            here, there = room_of(name), room_of(to)
            if here != there and here.startswith(f"{package}.") and there.startswith(f"{package}."):
                plan[here].add(there)
                why[here, there].add(f"{name} -> {to}")
    try:
        TopologicalSorter(plan).prepare()
    except CycleError as error:
        circle = error.args[1]
        told = [f"{a} -> {b}: {sorted(why[a, b] or why[b, a])}" for a, b in pairwise(circle)]
        pytest.fail("\n".join(told))


def test_no_files_stand_in_a_circle():
    TopologicalSorter(arrows()).prepare()


def test_no_folder_holds_more_than_a_dozen_files():
    held = defaultdict(list)
    for path in tracked():
        if path.parts[0] in (*PACKAGES, "tests", "benchmarks", "docs") and "data" not in path.parts:
            held[path.parent].append(path.name)
    full = {str(folder): len(names) for folder, names in held.items() if len(names) > MOST_FILES}
    assert not full, full


def test_no_file_is_too_long():
    long = {}
    for path in tracked():
        if path.suffix in READ and "data" not in path.parts:
            lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
            most = MOST_LINES_OF_A_SCRIPT if path.suffix == ".js" else MOST_LINES
            if lines > most:
                long[str(path)] = lines
    assert not long, long


@pytest.mark.parametrize("room", rooms())
def test_a_room_says_what_lives_there_and_what_others_take(room):
    tree = ast.parse((ROOT / modules()[room]).read_text(encoding="utf-8"))
    text = " ".join((ast.get_docstring(tree) or "").split())
    assert text.count(". ") + text.endswith(".") >= 2, f"{room}: two sentences"
    (listed,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ] or [[]]
    taken = {to for name, targets in arrows().items() for to in targets if room_of(name) != room} | handed_on()
    assert sorted(listed) == sorted(to.rpartition(".")[2] for to in taken if to != room and room_of(to) == room)


@cache
def handed_on() -> set[str]:
    """Return the modules that the faces of the packages take names from, at import or when they are asked for."""
    found = {to for package in PACKAGES for to in imported(package)}
    for package in PACKAGES:
        for node in ast.walk(ast.parse((ROOT / modules()[package]).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {name for name in (node.value, f"{package}.{node.value}") if name in modules()}
    return found
