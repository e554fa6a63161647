"""Sound: whole and in ranges, for its listener only, with nothing about where it came from."""

import os

import pytest
from served import CONDITIONS
from taking_part import begin, finish


def test_the_clip_is_the_file(visitor):
    state = begin(visitor)
    answer = visitor.get(state["trial"]["urls"][0])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.content in [path.read_bytes() for path in visitor.app.state.study.clips.glob("*.flac")]


def test_a_range_is_that_part_of_it(visitor):
    url = begin(visitor)["trial"]["urls"][0]
    whole = visitor.get(url).content
    part = visitor.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert "cookie" not in part.headers


def test_headers_tell_nothing_of_the_file(visitor):
    state = begin(visitor)
    answers = [visitor.get(url) for url in (state["trial"]["urls"][0], state["upcoming"][0])]
    for answer in answers:
        assert answer.headers["content-disposition"] == "inline"
        assert "immutable" in answer.headers["cache-control"]
        assert "private" in answer.headers["cache-control"]
        assert not [name for name in CONDITIONS if name in str(answer.headers)]
    assert len({answer.headers["last-modified"] for answer in answers}) == 1


def test_only_its_listener_gets_a_clip(visitor):
    url = begin(visitor)["trial"]["urls"][0]
    visitor.cookies.clear()
    assert visitor.get(url).status_code == 404
    begin(visitor)  # somebody else
    assert visitor.get(url).status_code == 404


@pytest.mark.parametrize("opaque", ["0001" + "0" * 40, "zzzz", "", "0001", "é" * 44, "..%2f..%2fstudy.yaml"])
def test_made_up_addresses_lead_nowhere(visitor, opaque):
    begin(visitor)
    assert visitor.get(f"/media/{opaque}").status_code == 404


def test_a_clip_that_was_exchanged_is_not_played(client, study):
    state = begin(client)
    for path in (study / "clips").glob("*.flac"):
        path.write_bytes(path.read_bytes()[::-1])
    answer = client.get(state["trial"]["urls"][0])
    assert answer.status_code == 500
    assert answer.json() == {"error": "this sound is missing on the server; it can be skipped"}


def test_a_clip_that_was_exchanged_for_one_of_its_size_and_date_is_not_played(client, study):
    """As copies that keep the date of a file do, and programs that change a byte and put the date back."""
    state = begin(client)
    assert client.get(state["trial"]["urls"][0]).status_code == 200
    for path in (study / "clips").glob("*.flac"):
        found, content = path.stat(), path.read_bytes()
        path.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert client.get(state["trial"]["urls"][0]).status_code == 500


def test_a_finished_session_is_done(client):
    assert "upcoming" not in finish(client)


def test_the_notes_need_no_session(visitor):
    assert visitor.get("/media/sound-check").headers["content-type"] == "audio/flac"
