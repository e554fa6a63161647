"""Fonts are found for the letters that are there, and what none holds is named."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from analysis.draw import fonts
from analysis.draw.figures import styled

RAIN = "雨の音"


def extent(text: str) -> float:
    """Width of a text as it is drawn."""
    with styled([text]):
        figure = Figure()
        drawn: Text = figure.text(0, 0, text)
        return float(drawn.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width)


def test_latin_needs_no_font_but_ours() -> None:
    assert fonts.families(["baseline", "naïve é", "\u200f \u200d \ufe0f"]) == ([fonts.OURS], frozenset())


def test_letters_that_no_font_has_are_named_by_their_script() -> None:
    found, missing = fonts.families(["abc \U00012000\U00012001"])
    if "Cuneiform" in " ".join(found):
        pytest.skip("a font for cuneiform is installed")
    assert missing == {"\U00012000", "\U00012001"}
    assert fonts.scripts(missing) == ["Cuneiform"]


def test_scripts_are_named_as_a_reader_would() -> None:
    assert fonts.scripts("雨") == ["Chinese or Japanese"]
    assert fonts.scripts("のネ") == ["Japanese"]
    assert fonts.scripts("각") == ["Korean"]
    assert fonts.scripts("สह") == ["Devanagari", "Thai"]
    assert fonts.scripts("🐶") == ["emoji or symbols"]


def test_arabic_is_joined() -> None:
    # Each letter on its own has its wide, unjoined form.
    word = "كلب"
    assert extent(word) < 0.9 * sum(extent(letter) for letter in word)


def test_a_font_installed_after_matplotlib_first_looked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = fonts.families([RAIN])
    if missing:
        pytest.skip("no font for Japanese is installed")
    entries = [entry for entry in fontManager.ttflist if entry.name == fonts.OURS or entry.name.startswith("Last")]
    monkeypatch.setattr(fontManager, "ttflist", entries)
    fonts._families.cache_clear()
    fonts._rescanned.cache_clear()
    again, missing = fonts.families([RAIN])
    fonts._families.cache_clear()
    assert not missing
    assert len(again) == len(found)
