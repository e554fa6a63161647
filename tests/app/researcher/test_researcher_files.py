"""The researcher's files: for nobody else, as they are, and no others."""

import asyncio
import io
import re
import tempfile
import zipfile
from pathlib import Path

import pytest
from served import CONDITIONS, PROMPTS
from standing_in import CLIP, log_in, take_part
from starlette.requests import ClientDisconnect

from app.cli import main
from app.researcher.packing import pack


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


def test_all_tables_come_in_one_file_as_the_verb_writes_them(client, study, verbs_find, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    verbs_find(study)
    log_in(client)
    take_part(client.app.state.study, answers=7)
    for form in ("csv", "xlsx"):  # the verb has a test of each
        answer = client.get(f"/admin/export.zip?format={form}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert int(answer.headers["content-length"]) == len(answer.content)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            assert packed.testzip() is None
            found = {name: packed.read(name) for name in packed.namelist()}
        assert not list(tmp_path.glob("earmark-*")), "nothing of it is left"
        out = tmp_path / form
        out.mkdir()
        assert main(["export", str(study), "-o", f"{out}/ratings.{form}", "--wide", "--sessions", "--events"]) == 0
        assert found.keys() == {path.name for path in out.iterdir()}
        assert len(found) == 5
        for path in out.iterdir():
            assert _held(found[path.name], form) == _held(path.read_bytes(), form), path.name


def test_tables_that_cannot_be_written_are_refused_in_a_line(client, study, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    log_in(client)
    (study / "study.yaml").write_text("name: [")
    answer = client.get("/admin/export.zip?format=xlsx")
    assert answer.status_code == 507
    assert "The tables cannot be written: " in answer.text
    assert "study.yaml" in answer.text
    assert not list(tmp_path.glob("earmark-*"))
    assert client.get("/admin/export.zip?format=sav").status_code == 422


def test_tables_are_made_in_a_process_that_ends_with_whoever_asked(client, study, verbs_find, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    verbs_find(study)
    ours, seen, served = _children(), set(), []

    async def gone() -> bool:
        seen.update(_children() - ours)
        served.append(await asyncio.to_thread(lambda: client.get("/api/state").status_code))
        return True

    with pytest.raises(ClientDisconnect):
        asyncio.run(pack(study, "csv", gone))
    assert (len(seen), served) == (1, [200])
    assert not seen & _children()
    assert not list(tmp_path.glob("earmark-*"))


def _children() -> set[str]:
    """Return the processes that this one has started."""
    return {pid for one in Path("/proc/self/task").glob("*/children") for pid in one.read_text().split()}


def _held(data: bytes, form: str) -> object:
    """Return what a table holds; a workbook also holds when it was made, and names of its styles."""
    if form not in ("xlsx", "ods"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("content.xml" if form == "ods" else "xl/worksheets/sheet1.xml").decode()
    return re.findall(r">([^<]+)<", sheet)
