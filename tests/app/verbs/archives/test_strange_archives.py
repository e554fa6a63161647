"""Archives of strangers: what is wrong is named, and what would reach beyond its folder is refused before it does."""

import json
import stat
import zipfile
from pathlib import Path

import pytest

from app.cli import main


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def written(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return path


def refused(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Have an archive refused by both who read it, in one line, with nothing made; return the line."""
    before = sorted(tmp_path.rglob("*"))
    assert main(["verify", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("earmark: ")
    assert said.err.count("\n") == 1
    assert main(["restore", str(path), str(tmp_path / "made" / "new")]) == 2
    again = capsys.readouterr()
    assert again.err.startswith("earmark: ")
    assert again.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
    return said.out + said.err


def test_each_file_that_is_not_as_archived_is_named(archived, tmp_path, capsys):
    files = contents(archived)
    clip = next(name for name in files if name.endswith(".flac"))
    files[clip] = files[clip][:-1] + bytes([files[clip][-1] ^ 1])
    files["results/table.tex"] += b"more"
    del files["README.md"]
    said = refused(written(tmp_path / "changed.zip", files | {"results/new.txt": b"new"}), tmp_path, capsys)
    lines = said.splitlines()
    assert lines[:4] == [
        f"wrong    {clip}",
        "wrong    results/table.tex",
        "missing  README.md",
        "extra    results/new.txt",
    ]
    assert "4 of 39 files not as archived" in said


@pytest.mark.parametrize(
    "name",
    [
        *("../out.txt", "/out.txt", "clips/../../out.txt", "C:/out.txt", "clips\\..\\out.txt", "clips//out", "clips/"),
        *(".secret.json", "study.db", "report/report.html", "clips/.hidden", "clips/a\nb", "clips/" + "x" * 2000),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_name_that_leads_elsewhere_is_refused(archived, tmp_path, capsys, name, listed):
    files = contents(archived)
    if listed:
        facts = json.loads(files["archive.json"])
        facts["files"][name] = {"sha256": "0" * 64, "size": 3}
        files["archive.json"] = json.dumps(facts).encode()
    else:
        files[name] = b"out"
    assert "it names" in refused(written(tmp_path / "strange.zip", files), tmp_path, capsys)


def test_a_name_that_comes_twice_is_refused(archived, tmp_path, capsys):
    files = contents(archived)
    clip = next(name for name in files if name.endswith(".flac"))
    same = f"clips/{Path(clip).name.upper()}"  # the same file on some systems
    path = written(tmp_path / "twice.zip", files | {same: b"another"})
    assert "twice" in refused(path, tmp_path, capsys)
    path = written(tmp_path / "twice.zip", files)
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr("index.html", b"another")
    assert "twice" in refused(path, tmp_path, capsys)


def test_a_link_is_refused(archived, tmp_path, capsys):
    path = written(tmp_path / "link.zip", contents(archived))
    link = zipfile.ZipInfo("clips/link.flac")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(link, "/etc/passwd")
    assert "is no file" in refused(path, tmp_path, capsys)


def test_a_bomb_is_refused_before_it_is_unpacked(archived, tmp_path, capsys):
    path = written(tmp_path / "bomb.zip", contents(archived))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("clips/bomb.flac", bytes(100_000_000))
    assert "is packed or hidden" in refused(path, tmp_path, capsys)
    # Stored files that lie one over another: each is as long as it says, all together are more than there is.
    data = written(tmp_path / "bomb.zip", {"clips/a": b"x" * 5000}).read_bytes()
    at = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entries = b"".join(data[at:end].replace(b"clips/a", b"clips/%c" % letter) for letter in range(97, 123))
    tail = bytearray(data[end:])
    tail[8:12] = (26).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    (tmp_path / "bomb.zip").write_bytes(data[:at] + entries + bytes(tail))
    assert "declares more than it holds" in refused(tmp_path / "bomb.zip", tmp_path, capsys)


def test_a_file_that_lies_where_nothing_can_be_is_named(archived, tmp_path, capsys):
    files = contents(archived)
    clip = next(name for name in files if name.endswith(".flac"))
    path = written(tmp_path / "nowhere.zip", files)
    with zipfile.ZipFile(path, "a") as packed:
        packed.getinfo(clip).header_offset = 2**63 - 1
        packed.comment = b"written anew"
    assert f"wrong    {clip}\n" in refused(path, tmp_path, capsys)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("format", 2, "is newer; update Earmark"),
        ("format", "1", "update Earmark"),
        ("files", [], "damaged"),
        ("files", {"clips/a": {"sha256": 1, "size": 1}}, "does not say what"),
        ("files", {"clips/a": {"sha256": "0", "size": -1}}, "does not say what"),
        ("study", None, "of what study"),
    ],
)
def test_odd_facts_are_refused(archived, tmp_path, capsys, key, value, says):
    files = contents(archived)
    files["archive.json"] = json.dumps(json.loads(files["archive.json"]) | {key: value}).encode()
    assert says in refused(written(tmp_path / "odd.zip", files), tmp_path, capsys)


def test_a_folder_is_held_against_its_archive(archived, tmp_path, capsys):
    folder = tmp_path / "restored"
    assert main(["restore", str(archived), str(folder)]) == 0
    (folder / "results" / "ratings.csv").write_text("participant,prompt,condition,score\n")
    (folder / "index.html").unlink()
    (folder / "index.html").symlink_to(folder / "README.md")
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 2
    said = capsys.readouterr()
    assert "wrong    results/ratings.csv\nmissing  index.html\n" in said.out
    assert "2 of 39 files not as archived" in said.err
    assert main(["verify", str(tmp_path)]) == 2
    assert "archive.zip" in capsys.readouterr().err
