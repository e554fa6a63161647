"""What a participant is refused is said in the page's language."""

import os
import random
import re
from html import unescape

import pytest
from taking_part import begin, rate

from app.texts import texts
from survey.config.session import LANGUAGES

SEED = int(os.environ.get("EARMARK_TEST_SEED", random.randrange(2**32)))
NOBODY = "A" * 32


@pytest.fixture
def language(visitor):
    print(f"seed {SEED}")
    chosen = random.Random(SEED).choice(LANGUAGES)
    visitor.headers["accept-language"] = chosen
    return chosen


def refused(answer):
    return answer.status_code, answer.json()["error"]


def test_a_script_is_told(visitor, language):
    say = texts(language)
    assert refused(visitor.post("/api/step", json={"page": "consent"})) == (400, say["refused_cookie"])
    visitor.get("/api/state")
    assert refused(visitor.post("/api/questions", json={"answers": {}})) == (409, say["refused_unknown"])
    state = begin(visitor)
    assert refused(rate(visitor, state, heard_seconds=0)) == (409, say["not_yet"])
    skip = {"media": state["trial"]["media"], "reason": "broken"}
    assert refused(visitor.post("/api/skip", json=skip)) == (409, say["not_started"])
    assert refused(visitor.post("/api/withdraw", json={"code": "AAAAAAAA"})) == (403, say["withdraw_wrong"])


@pytest.mark.parametrize(
    ("address", "why"),
    [(f"/p/{NOBODY}", "link"), (f"/p/{NOBODY}/withdraw", "deleted"), ("/nothing", "page"), ("/study/nothing", "page")],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_tells(visitor, address, why, language):
    answer = visitor.get(address, headers={"accept-language": language})
    page, say = unescape(answer.text), texts(language)
    assert answer.status_code == 404
    assert f'<html lang="{language}" dir="{say["direction"]}">' in page
    assert re.findall(r"<title>(.*)</title>|<h1>(.*?)</h1><p>(.*?)</p>", page) == [
        (say["refused_title"], "", ""),
        ("", say["refused_title"], say[f"refused_{why}"]),
    ]
