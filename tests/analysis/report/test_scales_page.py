"""Several scales in one file: each analysed as if it were alone, and a page that leads to all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape
from pages import Page
from statsmodels.stats.multitest import multipletests

from analysis import StudyFacts, load_answers, load_scales
from analysis.errors import RatingsError
from analysis.read.facts import Asked
from analysis.report.scales_page import analyze_scales, error_rates, folders, write_scales

Write = Callable[..., Path]
HEAD = "participant,prompt,condition,score,scale,question,low,high\n"
SCALES = {"quality": ("acr", "", ""), "how loud?": ("slider", "0", "100"), "match": ("numeric", "0", "10")}


def rows_of(seed: int) -> dict[str, list[str]]:
    """Ratings of the same clips on three scales, by scale."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[str]] = {name: [] for name in SCALES}
    for cell in range(8 * 5 * 3):
        r, p, c = cell // 15, cell // 3 % 5, ("baseline", "w8", "w4")[cell % 3]
        value = float(np.clip(0.6 - 0.1 * (cell % 3) + rng.normal(0, 0.15), 0, 1))
        for name, (question, low, high) in SCALES.items():
            score = {"acr": f"{1 + 4 * value:.0f}", "slider": f"{100 * value:.2f}", "numeric": f"{10 * value:.0f}"}
            found[name].append(f"r{r},p{p},{c},{score[question]},{name},{question},{low},{high}\n")
    return found


def written(path: Path, out: Path, **more: Any) -> tuple[dict[str, Any], str]:
    page = write_scales(analyze_scales(load_scales(path), **{"facts": StudyFacts("t"), **more}), out)
    content: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return content, page.read_text(encoding="utf-8")


def test_each_scale_is_analysed_as_if_it_were_alone(seed: int, write: Write, tmp_path: Path) -> None:
    rows = rows_of(seed)
    mixed = [line for trial in zip(*rows.values(), strict=True) for line in trial]
    content, page = written(write(HEAD + "".join(mixed)), tmp_path / "all")
    assert list(content["scales"]) == list(SCALES)
    for name in SCALES:
        alone, _ = written(write(HEAD + "".join(rows[name]), "alone.csv"), tmp_path / "one")
        together = content["scales"][name]
        for part in ("conditions", "comparisons", "verdicts", "reliability", "scale", "sequential"):
            assert together[part] == alone[part], (name, part)
        assert f"{together['folder']}/report.html" in page.replace("%3F", "?")
        own = (tmp_path / "all" / together["folder"] / "report.html").read_text(encoding="utf-8")
        assert f"<h1>t: {name}</h1>" in own
    assert (Page(page).unscoped, Page(page).uncaptioned) == (0, 0)


def test_p_values_over_all_scales_are_those_of_holm(seed: int, write: Write, tmp_path: Path) -> None:
    content, page = written(write(HEAD + "".join(chain(*rows_of(seed).values()))), tmp_path / "all")
    found = content["over_scales"]
    assert [row["scale"] for row in found] == [name for name in SCALES for _ in range(2)]
    expected = multipletests([row["p"] for row in found], method="holm")[1]
    assert [row["p_over_scales"] for row in found] == pytest.approx(expected.tolist())
    assert escape(error_rates(3, 6, 0.05)) in page
    assert "may be up to 15 %" in content["note"]


def test_a_margin_is_the_same_share_of_every_range(seed: int, write: Write) -> None:
    scales = load_scales(write(HEAD + "".join(chain(*rows_of(seed).values()))))
    found = analyze_scales(scales, facts=StudyFacts("t"), margin=0.4)
    assert [one.margin for one in found] == pytest.approx([0.4, 10.0, 1.0])
    assert [one.margin for one in analyze_scales(scales, facts=StudyFacts("t"))] == pytest.approx([0.3, 7.5, 0.75])


def test_what_a_study_asked_stands_with_its_scale(seed: int, write: Write, tmp_path: Path) -> None:
    asked = {"match": Asked("numeric", "How well does it match?"), "quality": Asked("dcr", "Not what was asked")}
    path = write(HEAD + "".join(chain(*rows_of(seed).values())))
    _, page = written(path, tmp_path / "all", facts=StudyFacts("t", asked="acr", question="No", scales=asked))
    assert "How well does it match?" in page
    assert "Not what was asked" not in page
    assert "“No”" not in page


def test_several_types_of_question_are_scales_of_their_own(write: Write, tmp_path: Path) -> None:
    head = "question,participant,prompt,condition,reference,score,comment\n"
    rows = [
        f"{kind},r{r},p{p},w8,{'' if kind in ('acr', 'text') else 'baseline'},{score},{words}\n"
        for r in range(4)
        for p in range(3)
        for kind, score, words in (("ab", (r + p) % 3 - 1, ""), ("ccr", (r * p) % 4 - 1, ""), ("text", "", "loud"))
    ]
    rows += [f"acr,r{r},p{p},{c},,{3 + (r + p) % 2},\n" for r in range(4) for p in range(3) for c in ("baseline", "w8")]
    content, page = written(write(head + "".join(rows)), tmp_path / "all")
    assert list(content["scales"]) == ["ab", "ccr", "text", "acr"]
    assert [row["scale"] for row in content["over_scales"]] == ["ab", "ccr", "acr"]
    assert "Nothing is compared" in page
    assert "Paired preference (AB)" in page


def test_one_scale_that_holds_two_types_of_question_is_refused(write: Write) -> None:
    rows = "r,p,a,3,x,acr,,\nr,q,a,3,x,slider,0,10\nr,p,a,4,y,acr,,\n"
    with pytest.raises(RatingsError, match="the scale 'x' holds answers to questions of type acr and slider"):
        load_scales(write(HEAD + rows))
    with pytest.raises(RatingsError, match=r"answers on 2 scales \(1 of x and 1 of y\)"):
        load_answers(write(HEAD + "r,p,a,3,x,acr,,\nr,p,a,4,y,acr,,\n"))


def test_a_scale_whose_name_is_markup_or_a_path_harms_nothing(seed: int, write: Write, tmp_path: Path) -> None:
    text = HEAD + "".join(chain(*rows_of(seed).values()))
    text = text.replace(",match,", ",<b>../../up</b>,").replace(",quality,", ",..,")
    content, page = written(write(text), tmp_path / "all")
    assert {path.parent.parent.name for path in (tmp_path / "all").rglob("*/report.html")} == {"all"}
    assert "<b>" not in page
    assert len({one["folder"] for one in content["scales"].values()}) == 3
    assert folders(["x", "X", "x 2", "x-2"]) == ["x", "X-2", "x-2-2", "x-2-3"]
