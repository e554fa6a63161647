"""What the address of a panel says of who comes."""

from urllib.parse import parse_qsl

import pytest

from app.live.panels import PLACEHOLDER, PREVIEW, STRANGER, Visit, visit

CONNECT = "participantId=A1&assignmentId=B2&projectId=C3"


@pytest.mark.parametrize(
    ("platform", "query", "found"),
    [
        ("prolific", "PROLIFIC_PID=5f1&STUDY_ID=a&SESSION_ID=b", Visit("5f1")),
        ("prolific", "", Visit()),
        ("prolific", "PROLIFIC_PID=+", Visit()),
        ("prolific", "PROLIFIC_PID=" + "x" * 201, Visit()),
        ("connect", CONNECT, Visit("A1")),
        ("connect", "participantId=A1", Visit("A1")),
        ("sona", "survey_code=777", Visit("777")),
        ("prolific", "PROLIFIC_PID={{%PROLIFIC_PID%}}", Visit(None, PLACEHOLDER, "prolific")),
        ("none", "PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D", Visit(None, PLACEHOLDER, "prolific")),
        ("sona", "survey_code=%SURVEY_CODE%", Visit(None, PLACEHOLDER, "sona")),
        ("prolific", "PROLIFIC_PID=5f1&SESSION_ID=preview", Visit(None, PREVIEW, "prolific")),
        ("connect", "participantId=Preview&projectId=C3", Visit(None, PREVIEW, "connect")),
        ("none", "assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=C3", Visit(None, PREVIEW, "mturk")),
        ("none", "PROLIFIC_PID=5f1", Visit(None, STRANGER, "prolific")),
        ("none", CONNECT, Visit(None, STRANGER, "connect")),
        ("none", "participantId=7", Visit()),  # a laboratory's own number
        ("connect", "PROLIFIC_PID=5f1", Visit(None, STRANGER, "prolific")),
        ("prolific", f"PROLIFIC_PID=5f1&{CONNECT}", Visit("5f1")),
    ],
)
def test_an_address_says_who_comes_or_why_that_is_nobody(platform, query, found):
    assert visit(platform, dict(parse_qsl(query))) == found
    assert found.counts == (found.kind in ("", STRANGER))
