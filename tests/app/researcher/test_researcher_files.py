"""The researcher's files: for nobody else, as they are, and no others."""

import pytest
from served import CONDITIONS, PROMPTS
from standing_in import CLIP, log_in, take_part


@pytest.mark.parametrize("path", [f"/admin/clip/{CLIP}", "/admin/clip/x", "/admin/report.html", "/admin/clip/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_nothing_of_it_is_for_the_logged_out(visitor, path, method):
    answer = visitor.request(method, path, **({"json": {}} if method == "POST" else {}))
    assert answer.status_code == 401
    assert CONDITIONS[1] not in answer.text


def test_a_clip_is_served_as_it_is_and_in_parts(client, study):
    log_in(client)
    sound = (study / "clips" / f"{CLIP}.flac").read_bytes()
    answer = client.get(f"/admin/clip/{CLIP}")
    assert answer.content == sound
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["cache-control"].startswith("private")
    part = client.get(f"/admin/clip/{CLIP}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, sound[10:20])
    assert client.head(f"/admin/clip/{CLIP}").headers["content-length"] == str(len(sound))


@pytest.mark.parametrize(
    "name",
    ["p9.baseline.1000", f"{CLIP}.flac", "manifest.json", "../study.yaml", "..%2Fstudy.yaml", "..%2F.secret.json",
     "%2Fetc%2Fpasswd", "....//study.yaml", "..%5Cstudy.yaml", "%00", "."],
)  # fmt: skip
def test_only_what_the_manifest_names_is_a_clip(client, name):
    log_in(client)
    answer = client.get(f"/admin/clip/{name}")
    assert answer.status_code in (404, 303), answer.text
    assert PROMPTS[1] not in answer.text


def test_a_clip_that_points_out_of_the_folder_is_refused(client, study):
    log_in(client)
    (study / "clips" / f"{CLIP}.flac").unlink()
    (study / "clips" / f"{CLIP}.flac").symlink_to(study / "study.yaml")
    assert client.get(f"/admin/clip/{CLIP}").status_code == 404


def test_the_report_is_there_once_it_is_made(client, study):
    log_in(client)
    assert client.get("/admin/report.html").status_code == 404
    (study / "report").mkdir()
    (study / "report" / "report.html").write_text("<!doctype html><p>made</p>")
    answer = client.get("/admin/report.html")
    assert answer.text.endswith("<p>made</p>")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_the_report_of_a_running_study_is_asked_for(client, study):
    """It may have been made before the study was launched again."""
    log_in(client)
    (study / "report").mkdir()
    (study / "report" / "report.html").write_text("<!doctype html><p>made</p>")
    take_part(client.app.state.study, answers=1)
    answer = client.get("/admin/report.html")
    assert "<p>made</p>" not in answer.text
    assert "Look all the same" in answer.text
    assert client.post("/admin/report.html").headers["location"] == "/admin/report.html"
    assert client.get("/admin/report.html").text.endswith("<p>made</p>")
    actions = client.app.state.study.store.actions
    assert [one.account for one in actions.newest() if one.kind == "peek"] == ["owner"]
    for kind in ("close", "launch"):
        actions.run("owner", kind)
    assert "Look all the same" in client.get("/admin/report.html").text
