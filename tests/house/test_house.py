"""The plan of the house: no circle, small rooms, and a face on each that says what others may take from it."""

import ast
from collections import Counter, defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import pytest

from docs.tables.house import PACKAGES, ROOT, arrows, imported, modules, parsed, room_of, rooms, tracked

MOST_FILES, MOST_LINES, MOST_LINES_OF_A_SCRIPT = 12, 350, 250
READ = {".py", ".js", ".css", ".html"}


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
    """But of data, and of versions of the database, of which none that was released can ever go."""
    held = defaultdict(list)
    for path in tracked():
        rooms = path.parts[0] in (*PACKAGES, "tests", "benchmarks", "docs")
        if rooms and not {"data", "versions"} & set(path.parts):
            held[path.parent].append(path.name)
    full = {str(folder): len(names) for folder, names in held.items() if len(names) > MOST_FILES}
    assert not full, full


def test_no_two_files_of_tests_have_one_name():
    """Tests are no package: pytest refuses the second, and with it the whole run."""
    names = Counter(path.name for path in tracked() if path.parts[0] == "tests" and path.suffix == ".py")
    twice = {name for name, count in names.items() if count > 1} - {"conftest.py", "make.py"}
    assert not twice, twice


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
    tree = parsed(room)
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
        for node in ast.walk(parsed(package)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {name for name in (node.value, f"{package}.{node.value}") if name in modules()}
    return found
