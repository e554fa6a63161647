"""The parts of the documents that are made from the code are what the code says."""

import re
from random import Random
from typing import Annotated

import networkx as nx
import pytest

from app.settings import VARIABLES
from docs.tables import command_line, figure, house, study
from docs.tables.house import ROOT
from docs.tables.pages import FIGURE, MAKERS, filled, made, named
from survey.columns import Column

MAKE = "run .venv/bin/python -m docs.tables and look at what it changed"
OTHERS = {"EARMARK_COMMAND", "ONEDNN_MAX_CPU_ISA", "PYTHONPATH", "RAY_USAGE_STATS_ENABLED", "TOKENIZERS_PARALLELISM"}
"""Variables of libraries and of Python, and what the launcher tells the program."""


@pytest.mark.parametrize("name", made())
def test_the_documents_say_what_the_code_says(name):
    assert (ROOT / name).read_text(encoding="utf-8") == made()[name], f"{name}: {MAKE}"


def test_every_table_stands_in_one_page():
    assert sorted(name for name in named() if name in MAKERS) == sorted(MAKERS)


def test_a_table_changed_by_hand_is_put_right_and_the_prose_stays():
    page = "Before.\n\n<!-- begin:variants -->\n| `sqs-w8a8` | int7 |\n<!-- end:variants -->\n\nAfter, `int7`.\n"
    text = filled(page)
    assert "| `sqs-w8a8` | int8, per output channel | int8, one calibrated range | |" in text
    assert text.startswith("Before.\n\n<!-- begin:variants -->\n")
    assert text.endswith("\n<!-- end:variants -->\n\nAfter, `int7`.\n")
    assert filled(text) == text


def test_tables_of_other_tools_stay():
    page = "<!-- begin:of-another -->\nas it is\n<!-- end:of-another -->\n"
    assert filled(page) == page


def test_an_option_is_listed_with_its_choices_and_its_default():
    text = command_line.options("plan")
    assert "| `--goal equivalence\\|noninferiority\\|difference` | what is to be shown; default: equivalence |" in text
    assert "| `-o`, `--output DIR` |" in text


def test_every_variable_that_is_read_is_listed():
    read = set()
    for path in house.tracked():
        if path.parts[0] in house.PACKAGES and path.suffix == ".py":
            read |= set(
                re.findall(r'(?:environ|source)(?:\.get\(|\[)"(\w+)"', (ROOT / path).read_text(encoding="utf-8"))
            )
    read |= set(re.findall(r"\$\{(EARMARK_\w+)", (ROOT / "earmark").read_text(encoding="utf-8")))
    assert read - OTHERS == {one.name for one in VARIABLES}


def test_a_column_without_a_meaning_is_refused():
    from dataclasses import make_dataclass

    record = make_dataclass("Record", [("plays", Annotated[int, Column("how often")]), ("score", int)])
    with pytest.raises(TypeError, match="score"):
        study.columns(record)


def test_the_figure_is_small_and_holds_every_room_and_arrow_as_text():
    text = (ROOT / FIGURE).read_text(encoding="utf-8")
    assert len(text) < 200_000
    described = re.search(r"<desc>\n(.*?)\n</desc>", text, re.S)
    assert described
    found = dict(line.split(": ") for line in described[1].splitlines())
    assert {name for name in found if "." in name and "migrations" not in name} == set(house.rooms())
    assert {name: set(others.split(", ")) - {"nothing"} for name, others in found.items()} == house.taken()


def test_a_floor_stands_above_all_that_it_takes_from(seed):
    rng = Random(seed)
    names = [f"p.{letter}" for letter in "abcdefghij"]
    graph = {name: {to for to in names if to != name and rng.random() < 0.15} for name in names}
    level = {name: number for number, floor in enumerate(figure.floors(graph)) for name in floor}
    assert sorted(level) == names
    whole = nx.DiGraph([(name, to) for name in graph for to in graph[name]])
    for name, to in whole.edges:
        back = nx.has_path(whole, to, name)
        assert level[name] == level[to] if back else level[name] < level[to]
    kept = figure.drawn(graph)
    thin = nx.DiGraph([(name, to) for name in kept for to in kept[name]])
    assert all(nx.has_path(thin, name, to) for name, to in whole.edges)
    spots, paths = figure.placed(graph, 0, 0, 600)
    assert {(path[0], path[-1]) for path in paths} == {(name, to) for name in kept for to in kept[name]}
    heights = [[spots[name][1] for name in path] for path in paths]
    assert all(line == sorted(line) for line in heights)
