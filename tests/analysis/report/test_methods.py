"""What goes into a paper: the methods paragraph and the LaTeX table say what is known, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rating_tables import DATA, ratings_of, table

from analysis import Report, Source, StudyFacts, analyze
from analysis.read.facts import ClipFacts, Headphones, SessionFacts, warnings
from analysis.read.ratings import load_ratings
from analysis.report.methods import latex_table, methods_paragraph

SESSION = SessionFacts("random", 4, 3, True, {"hidden repeat": 2, "mismatched clip": 1}, Headphones("huggins", 5))
CLIPS = ClipFacts(
    model="mini",
    earmark="0.9",
    sampling={"sampler": "euler", "steps": 30, "cfg_scale": 7.0, "seeds": [1, 2]},
    conditions={"fp32": {}, "sqs": {}},
    clips=20,
    seconds=(4.0, 4.0),
    loudness_apart=0.04,
)
STUDY = StudyFacts("s", question="How well?", earmark="9.9", asked="acr", margin_from="study", session=SESSION)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return analyze(ratings_of("paper_like", tmp_path_factory.mktemp("methods")), baseline="fp32")


def paragraph(report: Report, facts: StudyFacts, left_out: dict[str, int] | None = None) -> str:
    source = Source("r.csv", "0" * 64, 300 + sum((left_out or {}).values()), left_out or {})
    return methods_paragraph(replace(report, facts=facts, source=source))


def test_the_paragraph_names_the_facts_beside_a_mean(report: Report) -> None:
    facts = replace(STUDY, clips=CLIPS, labels={5: "perfect", 4: "a", 3: "b", 2: "c", 1: "none"})
    text = paragraph(report, facts, {"practice": 20, "attention": 1})
    for fact in (
        "20 participants gave 300 ratings of 15 clips",
        "5 prompts under 3 conditions (fp32, sqdl, sqs), at least 20 ratings per clip",
        "five grades (5 perfect; 4 a; 3 b; 2 c; 1 none)",
        "The question was: “How well?” ",
        "Clips of 4 s were made with mini by Earmark 0.9 (sampler euler, 30 steps, guidance 7, seeds 1 and 2)",
        "differs by at most 0.1 LU",
        "was to hear 4 prompts under every condition, in a random order, after 3 practice trials",
        "had to be heard to its end",
        "2 hidden repeats and 1 mismatched clip",
        "20 answers to practice trials and 1 answer to attention checks",
        "95 % intervals",
        "±0.3 points, which the study fixed before its first rating",
        "Earmark 9.9",
    ):
        assert fact in text, fact


def test_of_a_file_from_elsewhere_only_its_ratings_are_known(report: Report) -> None:
    """Whoever collected them may have asked anything, in any way."""
    text = paragraph(report, StudyFacts("theirs"), {"practice": 2, "animal": 1})
    for claim in ("five grades", "one clip at a time", "practice trial", "check", "eadphone", "clips were", "fixed"):
        assert claim not in text.replace("of 15 clips", ""), claim
    assert "scores from 1 to 5" in text
    assert "Not analysed: 2 lines of kind “practice” and 1 line of kind “animal”." in text


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("study", "which the study fixed before its first rating"),
        ("given", "which was given to this analysis"),
        ("default", "which is the default margin"),
        (None, "±0.3 points."),
    ],
)
def test_the_margin_is_called_what_it_is(report: Report, source: str | None, says: str) -> None:
    report = replace(report, facts=StudyFacts(margin_from=source))
    assert says in methods_paragraph(report)
    assert says.rstrip(".").replace("±0.3", r"\pm0.3$") in latex_table(report)
    assert "beforehand" not in methods_paragraph(report) + latex_table(report)


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (None, "Whether participants wore headphones was not checked."),
        (Headphones("antiphase", 5), "How many of the analysed raters passed it is not known."),
        (Headphones("antiphase", 5, 17, 2, 1), "17 passed it and 2 failed it, and 1 did not finish it."),
        (Headphones("antiphase", 5, 20, 0, 0), "20 passed it and 0 failed it."),
    ],
)
def test_headphones_are_not_said_to_be_worn(report: Report, check: Headphones | None, says: str) -> None:
    text = paragraph(report, replace(STUDY, session=replace(SESSION, headphones=check)))
    assert says in text
    assert "eadphones were checked" not in text


def test_a_study_without_a_manifest_does_not_say_how_its_clips_were_made(report: Report) -> None:
    text = paragraph(report, STUDY)
    assert "How the clips were made is not recorded." in text
    assert "steps" not in text


def test_clips_that_were_replaced_are_not_described_by_the_new_ones(report: Report) -> None:
    facts = replace(STUDY, clips=replace(CLIPS, rated=15, unlisted=3))
    assert "3 of the 15 rated clips were replaced" in paragraph(report, facts)
    assert "3 of the 15 rated clips" in warnings(facts)[0]


def test_each_p_says_whether_it_is_adjusted(report: Report) -> None:
    text = paragraph(report, StudyFacts())
    for test in ("paired t tests (two-sided; ", "equivalence (TOST; ", "degrees of freedom; "):
        assert f"{test}p adjusted by Holm's method over 2 comparisons" in text, test
    pair = [row for row in report.comparisons if row.condition == "sqs"]
    alone = paragraph(replace(report, comparisons=(replace(pair[0], p_adjusted=pair[0].p),)), StudyFacts())
    assert "two-sided; p not adjusted: one comparison" in alone
    caption = latex_table(report)
    assert "$p$ (difference): paired t test, p adjusted by Holm's method over 2 comparisons." in caption
    assert "is the default" not in caption
    assert "$\\pm0.3$ points; p adjusted by Holm's method over 2 comparisons." in caption


@pytest.mark.parametrize(("name", "whose"), [("zero", "Satterthwaite"), ("seven", "Kenward-Roger")])
def test_the_paragraph_says_whose_degrees_of_freedom(name: str, whose: str) -> None:
    """`zero` has a variance that is estimated as zero, `seven` none."""
    ratings = load_ratings(DATA / "mixed" / f"{name}.csv").frame
    assert f"(REML, {whose} degrees of freedom; p " in methods_paragraph(analyze(ratings, baseline="base"))


def test_the_paragraph_names_the_random_effects_that_were_fitted(report: Report) -> None:
    parts = dict.fromkeys(("participant", "prompt", "participant:prompt", "residual"), 0.1)
    text = methods_paragraph(replace(report, components=parts))
    assert "with random effects of rater, prompt and rater by prompt (REML" in text


def test_a_model_that_could_not_be_fitted_is_not_claimed() -> None:
    ratings = table((f"r{r}", "p", c, 1 + (r * len(c)) % 5) for r in range(4) for c in ("baseline", "w8"))
    text = methods_paragraph(analyze(ratings))
    assert "paired t test" in text
    assert "mixed model" not in text


def test_the_table_has_every_condition_and_its_numbers(report: Report) -> None:
    text = latex_table(report)
    rows = [line.strip() for line in text.splitlines() if line.strip().endswith(r"\\")][1:]
    assert [row.split(" & ")[0] for row in rows] == ["fp32", "sqdl", "sqs"]
    for row, score in zip(rows, report.conditions, strict=True):
        assert f"{score.mean:.2f} $[{score.ci_low:.2f}, {score.ci_high:.2f}]$" in row
        assert row.count("&") == 6
    for line, wide in zip(rows[1:], report.rows("paired_t"), strict=True):
        assert f"${wide.estimate:+.2f}$" in line


def test_one_condition_is_compared_with_nothing() -> None:
    report = analyze(table((f"r{r}", f"p{p}", "w8", 1 + (r + p) % 5) for r in range(4) for p in range(3)))
    for text in (methods_paragraph(report), latex_table(report).splitlines()[2]):
        assert "differences" not in text
        assert "margin" not in text


def test_names_with_line_breaks_and_control_characters_do_not_break_latex() -> None:
    odd = "a\n\n\\input{/etc/passwd}\x1b[2J\t|<b>"
    ratings = table(
        (f"r{r}", f"p{p}", c, 1 + (r + p + (c == odd)) % 5) for r in range(4) for p in range(2) for c in (odd, "other")
    )
    text = latex_table(analyze(ratings, baseline=odd))
    assert text.count(r"a \textbackslash{}input\{/etc/passwd\}?[2J \textbar{}\textless{}b\textgreater{}") == 2
    assert "" not in text.splitlines()


def test_names_do_not_break_latex() -> None:
    odd = "50%_of $x^2$ & #1\\{~}"
    ratings = table(
        (f"r{r}", f"p{p}", c, 1 + (r + p + (c == odd)) % 5)
        for r in range(4)
        for p in range(2)
        for c in ("baseline", odd)
    )
    text = latex_table(analyze(ratings))
    row = next(line for line in text.splitlines() if "50" in line)
    assert r"50\%\_of \$x\textasciicircum{}2\$ \& \#1\textbackslash{}\{\textasciitilde{}\}" in row
    assert not re.search(r"(?<!\\)[%#$_&](?=of|x|1)", row)
