"""The benchmark of size counts what a reader would count."""

from benchmarks.size import code_lines, foreign, installed, measure

TEXT = '''"""A docstring.

Of three lines.
"""

import json  # a comment beside code
import numpy as np
from app.cli import main
from scipy.stats import norm

# a comment


def double(number: int) -> int:
    """Say it twice."""
    text = """one
    # two, which is text

three"""
    return len(text) * (
        number
    )
'''


def test_code_is_what_is_neither_blank_nor_comment_nor_docstring():
    assert code_lines(TEXT) == 4 + 1 + 4 + 3


def test_python_and_ours_are_not_foreign():
    assert foreign(TEXT) == {"numpy", "scipy"}


def test_a_folder_is_measured_with_the_folders_in_it(tmp_path):
    folder = tmp_path / "package"
    (folder / "room").mkdir(parents=True)
    (folder / "one.py").write_text(TEXT)
    (folder / "room" / "two.py").write_text("x = 1\n\n\n")
    size = measure(folder)
    assert (size.files, size.lines, size.code, size.longest) == (2, 22 + 3, 12 + 1, 22)
    assert size.longest_name == "package/one.py"


def test_what_is_installed_holds_what_was_asked_for_and_what_that_needs():
    found, asked = installed()
    names = {one.name.lower() for one in found}
    assert {"torch", "scipy", "networkx"} <= names  # torch needs the last
    assert asked < len(names)
    assert "pytest" not in names
