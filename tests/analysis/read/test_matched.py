"""Conditions are compared on the same material: within one rater, prompt and seed, and nowhere else."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest
from rating_tables import table

from analysis.conclude.battery import compare_all
from analysis.infer.compare import friedman, paired_t, tost
from analysis.infer.permutation import permutation
from analysis.infer.signed_rank import wilcoxon
from analysis.questions.mushra import mushra
from analysis.read.matched import cells

ON_RATERS = ("paired_t", "wilcoxon", "permutation", "friedman", "tost", "paired_t_pairs")
CLAIMS = ("rated lower", "rated higher", "inferior", "superior")


def pages(heard: dict[str, list[int]], level: dict[int, int], raters: int = 12) -> pd.DataFrame:
    """Every rater hears each condition on its own pages; a score depends on page and rater, never on the condition."""
    return table(
        (f"r{r:02}", f"page {p}", name, level[p] + r % 3)
        for r in range(raters)
        for name, numbers in heard.items()
        for p in numbers
    )


def claims(sentences: object) -> list[str]:
    return [text for text in sentences if any(word in text.lower() for word in CLAIMS)]


@pytest.mark.parametrize(
    "heard",
    [{"a": [0], "b": [1]}, {"a": [0, 1], "b": [2, 3]}, {"a": [0, 1, 2], "b": [1, 2, 3]}],
    ids=["one page each", "two pages each", "some pages in common"],
)
def test_a_file_without_a_difference_on_any_page_shows_none(heard: dict[str, list[int]]) -> None:
    level = {0: 1, 1: 1, 2: 3, 3: 3} if len(heard["a"]) > 1 else {0: 1, 1: 3}
    found = compare_all(pages(heard, level), ["a", "b"], "a", margin=0.3)
    assert {verdict.kind for verdict in found.verdicts} == {"not enough data"}
    assert [row for row in found.comparisons if row.test in ON_RATERS and row.p is not None and row.p < 0.5] == []
    assert claims(verdict.words for verdict in found.verdicts) == []
    sliders = pages(heard, {page: 95 - 39 * (value > 1) for page, value in level.items()})
    assert claims(mushra(sliders, "a").sentences) == []


def test_the_sign_is_that_of_every_page() -> None:
    # b is one point better on each page that both were heard on; its other pages are bad ones.
    rows = []
    for r in range(12):
        for p in (0, 1):
            rows += [(f"r{r}", f"p{p}", "a", 3 + (r + p) % 2), (f"r{r}", f"p{p}", "b", 4 + (r + p) % 2 - (r == p))]
        rows += [(f"r{r}", f"q{p}", "b", 1) for p in range(6)]
    found = compare_all(table(rows), ["a", "b"], "a", margin=0.3)
    (row,) = (row for row in found.comparisons if row.test == "paired_t")
    assert row.estimate == pytest.approx(11 / 12, abs=1e-12)  # ten raters 1, two 1/2
    assert [verdict.kind for verdict in found.verdicts] == ["superior"]
    sliders = table((r, p, c, 20 * score) for r, p, c, score in rows)
    row = next(row for row in mushra(sliders, "a").rows if row.test.startswith("mushra_t"))
    assert row.estimate == pytest.approx(20 * 11 / 12, abs=1e-12)


def test_pairs_never_heard_together_get_no_test_and_are_named() -> None:
    # a and b share pages, c and d share others; a rater hears both groups, and pages differ much.
    rows = [
        (f"r{r}", f"p{p}", name, 40 * (p > 2) + 10 + (7 * r + 5 * p + 3 * ord(name)) % 11)
        for r in range(12)
        for p, names in ((0, "rab"), (1, "rab"), (2, "rab"), (3, "cd"), (4, "cd"), (5, "cd"))
        for name in names
    ]
    findings = mushra(table(rows), "r")
    apart = {("c", "r"), ("d", "r"), ("c", "a"), ("d", "a"), ("c", "b"), ("d", "b")}
    for row in findings.rows:
        together = (row.condition, row.reference) not in apart and row.condition is not None
        assert (row.p is not None) == together, row
        if not together and row.condition is not None:
            assert row.note.startswith("not computed: no rater rated both conditions for the same prompt")
    named = " ".join(text for text in findings.sentences if "no rater rated" in text)
    for condition, reference in apart:
        assert f"{condition} and {reference}" in named
    assert claims(text for text in findings.sentences if "never heard" in text) == []


@pytest.mark.parametrize("kind", ["same pages for all", "a rater's own pages"])
def test_every_test_keeps_its_level_where_material_differs(kind: str, seed: int) -> None:
    """No condition differs, or one by the margin; prompts differ much, and each condition has others."""
    rng = np.random.default_rng(seed)
    studies, raters, prompts, margin = 200, 14, 9, 0.4
    wrong: Counter[str] = Counter()
    for _ in range(studies):
        orders = np.array([np.arange(prompts) if kind[0] == "s" else rng.permutation(prompts) for _ in range(raters)])
        of_prompt, of_rater = rng.normal(0, 1.5, prompts), rng.normal(0, 0.5, raters)
        parts = []
        for name, chosen in (("a", orders[:, :6]), ("b", orders[:, 3:]), ("c", orders[:, 2:7])):
            scores = of_rater[:, None] + rng.normal(0, 0.3, (raters, 1)) + of_prompt[chosen]
            scores += rng.normal(0, 0.7, chosen.shape)
            rater = np.repeat(np.arange(raters), chosen.shape[1])
            parts.append(pd.DataFrame({"participant": rater, "prompt": chosen.ravel(), "condition": name,
                                       "score": scores.ravel()}))  # fmt: skip
        ratings = pd.concat(parts)
        moved = ratings.assign(score=ratings["score"] + margin * (ratings["condition"] == "c"))
        heard, shifted = (cells(frame, ["a", "b", "c"]).against("a") for frame in (ratings, moved))
        found = [test(heard)[0] for test in (paired_t, wilcoxon)] + [permutation(heard, draws=199)[0]]
        for row in (*found, tost(shifted, margin=margin)[1], *friedman(cells(ratings, ["a", "b", "c"]))):
            assert row.p is not None
            wrong[row.test] += row.p < 0.05
    # .05 of 200 studies, and four standard errors of that.
    assert {test: count for test, count in wrong.items() if count > 0.05 * studies + 4 * 3.1} == {}


@pytest.mark.parametrize("test", ["mushra_friedman", "friedman"])
def test_friedman_takes_the_pages_on_which_a_rater_rated_everything(test: str) -> None:
    rng = np.random.default_rng(2)
    common = [(f"r{r}", f"p{p}", c, int(rng.integers(1, 6))) for r, p, c in product(range(8), range(3), "abc")]
    astray = [(f"r{r}", "q", "c", 1) for r in range(8)] + [("late", "q", c, 3) for c in "ab"]
    both = [mushra(table(rows), "a").rows if test != "friedman" else compare_all(table(rows), list("abc"), "a",
            margin=0.3).comparisons for rows in (common, common + astray)]  # fmt: skip
    before, after = (next(row for row in rows if row.test.startswith(test)) for rows in both)
    assert (after.statistic, after.n) == (pytest.approx(before.statistic), 8)
    assert "1 rater left out" in after.note
