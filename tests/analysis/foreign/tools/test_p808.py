"""Files of the P.808 toolkit: batches of every method, gold and trapping clips, and the tables made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_ratings import CONDITIONS, PROMPTS, Drawn, cells, drawn, read, said

from analysis.errors import MissingColumnError

TRAP, GOLD = "https://h.net/tps/trap_excellent.wav", "https://h.net/gold/clean.wav"
Score = Callable[[str, str, str], dict[str, object]]


def url(condition: str, prompt: str) -> str:
    return f"https://h.net/study/{condition}/{prompt.replace(' ', '-')}.wav"


def named(ratings: Drawn) -> dict[tuple[str, str, str], int]:
    """Give the scores with prompts as they stand in addresses."""
    return {
        (who, prompt.replace(" ", "-"), condition): score for (who, prompt, condition), score in ratings.scores.items()
    }


def batch(ratings: Drawn, score: Score, status: str = "Approved") -> list[dict[str, object]]:
    """Write one assignment a participant, its clips in an order of its own, with a trapping and a gold clip."""
    rows = []
    for who in ratings.people:
        clips = [*ratings.of(who), ("trap", ""), ("gold", "")]
        row: dict[str, object] = {"HITId": "h", "AssignmentId": f"a-{who}", "WorkerId": who, "AssignmentStatus": status}
        row |= {"SubmitTime": "Thu Nov 07 16:45:50 PST 2019", "Input.TP": TRAP, "Input.TP_ANS": 5}
        row |= {
            "Input.gold_clips": GOLD,
            "Input.gold_clips_ans": 5,
            "Answer.Math": 3,
            "Answer.t1": 3,
            "Answer.cmp1": "a",
        }
        for number, place in enumerate(ratings.rng.permutation(len(clips)), 1):
            prompt, condition = clips[int(place)]
            address = {"trap": TRAP, "gold": GOLD}.get(prompt) or url(condition, prompt)
            row |= {f"Answer.Q{number}_URL": address, f"Answer.audio_n_finish_q{number}": 1}
            row |= {f"Answer.q{number}{suffix}": cell for suffix, cell in score(who, prompt, condition).items()}
        rows.append(row)
    return rows


def table_of(folder: Path, rows: list[dict[str, object]], rng: np.random.Generator):
    """Read rows as a file, columns in any order."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    header = [header[int(place)] for place in rng.permutation(len(header))]
    return read(folder, header, [[row.get(name, "") for name in header] for row in rows])


def test_an_acr_batch_with_its_checks(tmp_path: Path) -> None:
    ratings = drawn()
    trap = {who: int(score) for who, score in zip(ratings.people, ratings.rng.integers(1, 6, 4), strict=True)}

    def score(who: str, prompt: str, condition: str) -> dict[str, object]:
        return {"": trap[who] if prompt in ("trap", "gold") else ratings.scores[who, prompt, condition]}

    table = table_of(tmp_path, batch(ratings, score), ratings.rng)
    assert cells(table) == named(ratings)
    kinds = list(zip(table.column("participant"), table.column("kind"), table.column("passed"), strict=True))
    assert {(who, passed) for who, kind, passed in kinds if kind == "attention"} == {
        (who, str(answer == 5).lower()) for who, answer in trap.items()
    }
    assert {(who, passed) for who, kind, passed in kinds if kind == "gold"} == {
        (who, str(answer >= 4).lower()) for who, answer in trap.items()
    }
    assert set(table.column("rated_at")) == {"2019-11-07T16:45:50-08:00"}
    assert "P.808 toolkit (ACR)" in said(table)
    assert "8 answers to trapping and gold clips are checks" in said(table)


def test_rejected_assignments_are_left_out_and_said(tmp_path: Path) -> None:
    ratings, others = drawn(), drawn(people=2)
    rows = batch(ratings, lambda who, prompt, c: {"": ratings.scores.get((who, prompt, c), 5)})
    rows += batch(others, lambda who, prompt, c: {"": 1}, "Rejected")
    table = table_of(tmp_path, rows, ratings.rng)
    assert cells(table) == named(ratings)
    assert "2 rejected assignments left out" in said(table)


def test_p835_has_three_scales(tmp_path: Path) -> None:
    ratings = {scale: drawn() for scale in ("_sig", "_bak", "_ovrl")}
    first = ratings["_sig"]
    values = {scale: dict(zip(first.scores, own.scores.values(), strict=True)) for scale, own in ratings.items()}
    rows = batch(first, lambda who, prompt, c: {scale: own.get((who, prompt, c), 5) for scale, own in values.items()})
    table = table_of(tmp_path, rows, first.rng)
    parts = zip(
        *(table.column(name) for name in ("scale", "kind", "participant", "prompt", "condition", "score")), strict=True
    )
    found = {(scale, *cell): int(score) for scale, kind, *cell, score in parts if kind == "trial"}
    assert found == {
        (scale[1:].upper(), who, prompt.replace(" ", "-"), condition): score
        for scale, own in values.items()
        for (who, prompt, condition), score in own.items()
    }


@pytest.mark.parametrize(("method", "low", "high"), [("ccr", -3, 3), ("dcr", 1, 5)])
def test_pairs_with_a_reference(tmp_path: Path, method: str, low: int, high: int) -> None:
    ratings = drawn(low, high, conditions=("w8a8", "w4a8"))
    rows = batch(
        ratings, lambda who, prompt, c: {"": ratings.scores.get((who, prompt, c), 0 if method == "ccr" else 5)}
    )
    for row in rows:
        for number, (prompt, condition) in enumerate(ratings.of(ratings.people[0])):
            row |= {f"Input.Q{number}_P": url(condition, prompt), f"Input.Q{number}_R": url("source", prompt)}
    table = table_of(tmp_path, rows, ratings.rng)
    assert cells(table) == named(ratings)
    assert set(table.column("question")) == {method}
    trials = [row for row, kind in enumerate(table.column("kind")) if kind == "trial"]
    if method == "ccr":
        assert {table.column("reference")[row] for row in trials} == {"source"}


def test_votes_per_worker(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [
        ("h", who, "a", "Approved", url(condition, prompt), "x.wav", score, "MOS", condition)
        for (who, prompt, condition), score in ratings.mixed()
    ]
    head = (
        "HITId",
        "workerid",
        "assignment_id",
        "assignmentstatus",
        "file",
        "short_file_name",
        "vote",
        "question_type",
    )
    assert cells(read(tmp_path, (*head, "condition_num"), rows)) == named(ratings)
    assert cells(read(tmp_path, (*head, "Unknown"), [(*row[:-1], "NoCondition") for row in rows])) == named(ratings)


def test_votes_per_clip_have_no_raters_and_it_is_said(tmp_path: Path) -> None:
    ratings = drawn()
    rows = []
    for prompt in PROMPTS:
        for condition in CONDITIONS:
            votes = [ratings.scores[who, prompt, condition] for who in ratings.people]
            votes = votes[: 3 if condition == "w4a8" else 4]
            head = (url(condition, prompt), len(votes), np.mean(votes), 0.5, 0.4, f"{prompt}.wav")
            rows.append((*head, *votes, *[""] * (4 - len(votes))))
    head = ("file_url", "n", "MOS", "std", "95%CI", "short_file_name", *(f"vote_{number}" for number in range(1, 5)))
    table = read(tmp_path, head, rows)
    found = cells(table)
    assert len(found) == len({who for who, _, _ in found}) == 4 * (4 + 4 + 3)
    for prompt in PROMPTS:
        own = [
            score
            for (_, of, condition), score in found.items()
            if (of, condition) == (prompt.replace(" ", "-"), "w8a8")
        ]
        assert own == [ratings.scores[who, prompt, "w8a8"] for who in ratings.people]
    assert "does not say who voted" in said(table)


def test_addresses_that_tell_nothing_are_refused(tmp_path: Path) -> None:
    rows = [("w", "https://h/one.wav", 4, "https://h/two.wav", 3)]
    with pytest.raises(
        MissingColumnError, match=r"do not tell conditions from prompts; write them .* condition/prompt.wav"
    ):
        read(tmp_path, ("WorkerId", "Answer.Q1_URL", "Answer.q1", "Answer.Q2_URL", "Answer.q2"), rows)
