"""One session opened from start to end, excluded with a reason, and included again."""

import re
from dataclasses import replace

from fastapi.testclient import TestClient
from served import PROMPTS
from taking_part import begin, rate

from app.researcher.views.session import session_page

HOSTILE = '<b>out</b> & "why"'


def words(page: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page[page.index("<main") :]).split())


def test_a_session_is_opened_excluded_and_included_again(researcher: TestClient, visitor: TestClient):
    study = researcher.app.state.study
    state = begin(visitor)
    media = state["trial"]["media"]
    visitor.post("/api/event", json={"kind": "stall", "position": state["trial"]["position"], "detail": {"at": 0.25}})
    rate(visitor, state, 4, media=media)
    code = study.store.participants.code_of(visitor.cookies["earmark"])

    page = researcher.get(f"/admin/session/{code}")
    assert page.status_code == 200
    said = words(page.text)
    assert said.index("consent") < said.index("stall 1 at 0.25 s") < said.index("answer (practice) 1")
    assert "in 0.9 s, 1 play, 0.6 s heard" in said
    assert not any(prompt in said for prompt in PROMPTS), "the line is the log's; the clip is a link"

    row, (rating,), _ = study.store.results.one(code)
    pair = replace(rating, question="ab", condition="new", reference="old")
    for score, first, answer, told in (
        (1.0, "new", "", "prefers the first (new)"),
        (-1.0, "new", "", "prefers the second (old)"),
        (1.0, "old", "", "prefers the second (new)"),
        (0.0, "old", "", "no preference"),
        (0.0, "old", "both_bad", "both bad"),
    ):
        drawn = session_page("s", row, [replace(pair, score=score, first=first, answer=answer)], [], "")
        assert f"{told}, in 0.9 s" in words(drawn)

    refused = researcher.post(f"/admin/session/{code}", data={"act": "exclude", "reason": " "})
    assert refused.status_code == 400
    assert "Say why" in words(refused.text)
    assert visitor.get("/api/state").json()["stage"] == state["stage"]

    done = researcher.post(f"/admin/session/{code}", data={"act": "exclude", "reason": f"\x00{HOSTILE}\x1b"})
    assert (done.status_code, done.headers["location"]) == (303, f"/admin/session/{code}")
    assert visitor.get("/api/state").json()["stage"] == "done"
    page = researcher.get(f"/admin/session/{code}").text
    assert HOSTILE not in page
    assert "Include again" in page
    assert "discarded" not in page  # the store's word
    (row,) = [row for row in study.store.results.sessions() if row.participant == code]
    assert (row.excluded, row.counted) == (HOSTILE, False)

    researcher.post(f"/admin/session/{code}", data={"act": "include"})
    assert visitor.get("/api/state").json()["stage"] == state["stage"]
    (row,) = [row for row in study.store.results.sessions() if row.participant == code]
    assert (row.excluded, row.counted, row.outcome) == ("", True, "under way")
    study.store.participants.withdraw(visitor.cookies["earmark"])
    assert researcher.get(f"/admin/session/{code}").status_code == 404
