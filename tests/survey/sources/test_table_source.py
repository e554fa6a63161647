"""A table of clips: in any dialect, of files beside it, with everything wrong named by its line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_sounds import noise, write_sound

from survey.errors import SourceError
from survey.sources.listing import list_clips, matched


@pytest.fixture
def source(tmp_path: Path, seed: int) -> Path:
    """Give the folder of a table, with files a.wav to h.wav and one above it."""
    rng = np.random.default_rng(seed)
    for name in "abcdefgh":
        write_sound(tmp_path / "s" / "wav" / f"{name}.wav", noise(rng, 0.1))
    write_sound(tmp_path / "above.wav", noise(rng, 0.1))
    return tmp_path / "s"


def listed(source: Path, text: str, encoding: str = "utf-8"):
    path = source / "clips.csv"
    path.write_bytes(text.encode(encoding))
    return list_clips(path)


def refusal(source: Path, text: str) -> str:
    with pytest.raises(SourceError) as refused:
        listed(source, text)
    said = str(refused.value)
    assert all(line.startswith(f"{source / 'clips.csv'}:") for line in said.split("\n"))
    return said


FOUR = (
    "file,condition,prompt\nwav/a.wav,A,rain\nwav/b.wav,B,rain\nwav/c.wav,A,Regen im März\nwav/d.wav,B,Regen im März\n"
)


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8"),
        (lambda text: text, "utf-8-sig"),
        (lambda text: text, "utf-16"),
        (lambda text: text, "cp1252"),
        (lambda text: text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace(",", "\t"), "utf-8"),
        (lambda text: "sep=;\n" + text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace("\n", "\r\n"), "utf-8"),
        (lambda text: text.replace("\n", "\r"), "utf-8"),
        (lambda text: text.replace("\n", ",,\n"), "utf-8"),
        (lambda text: text.replace("file,condition,prompt", "File, Condition ,PROMPT"), "utf-8"),
        (lambda text: text.replace("file,condition,prompt", "path,system,text"), "utf-8"),
        (lambda text: text.replace("\n", "\n\n"), "utf-8"),
        (lambda text: text.replace("wav/", "wav\\"), "utf-8"),
    ],
)
def test_every_dialect_says_the_same(source, change, encoding):
    found = listed(source, change(FOUR), encoding)
    assert found.conditions == ("A", "B")
    assert [text for _, text in found.prompts] == ["rain", "Regen im März"]
    assert [row.path.name for row in found.rows] == ["a.wav", "b.wav", "c.wav", "d.wav"]


@pytest.mark.parametrize("suffix", [".xlsx", ".ods", ".XLSX"])
def test_a_workbook_says_the_same(source, suffix):
    rows = [line.split(",") for line in FOUR.splitlines()]
    frame = pd.DataFrame([*rows[1:], ["", "", ""], ["wav/e.wav", "A", "007"]], columns=rows[0])
    frame["seed"] = [1.0, 1.0, 1.0, 1.0, None, 7.0]  # as a spreadsheet keeps whole numbers
    path = source / f"clips{suffix}"
    with path.open("wb") as file, pd.ExcelWriter(file, engine="odf" if suffix == ".ods" else "openpyxl") as book:
        pd.DataFrame().to_excel(book, sheet_name="empty")
        frame.to_excel(book, sheet_name="clips", index=False)
    found = list_clips(path)
    assert [text for _, text in found.prompts] == ["rain", "Regen im März", "007"]
    assert [(row.path.name, row.condition, row.seed) for row in found.rows] == [
        ("a.wav", "A", 1), ("b.wav", "B", 1), ("c.wav", "A", 1), ("d.wav", "B", 1), ("e.wav", "A", 7),
    ]  # fmt: skip
    (source / "wav" / "e.wav").unlink()
    with pytest.raises(SourceError, match=rf"clips{suffix}:7: wav/e.wav is not there"):
        list_clips(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(SourceError, match=r"cannot be read as a table \(.* in the workbook\); save it as CSV"):
        list_clips(path)


def test_two_prompts_of_one_text_are_two(source):
    found = listed(
        source,
        "file,condition,prompt,prompt_id\nwav/a.wav,A,rain,x\nwav/b.wav,B,rain,x\nwav/c.wav,A,rain,y\nwav/d.wav,B,rain,y\n",
    )
    assert found.prompts == (("x", "rain"), ("y", "rain"))
    assert matched(found, [("p1", "rain"), ("p2", "rain")]) == {"x": "p1", "y": "p2"}


def test_takes_have_numbers(source):
    found = listed(source, "file,condition,prompt,seed\nwav/a.wav,A,rain,7\nwav/b.wav,A,rain,8\nwav/c.wav,A,wind,\n")
    assert [row.seed for row in found.rows] == [7, 8, 1]
    assert "two files for one cell" in refusal(source, "file,condition,prompt\nwav/a.wav,A,rain\nwav/b.wav,A,rain\n")


def test_a_reference_becomes_a_condition_once(source):
    found = listed(
        source,
        "file,condition,prompt,reference\nwav/a.wav,A,rain,wav/r.wav\nwav/b.wav,B,rain,wav/r.wav\n".replace(
            "r.wav", "h.wav"
        ),
    )
    assert found.conditions == ("A", "reference", "B")
    assert [row.path.name for row in found.rows if row.condition == "reference"] == ["h.wav"]


def test_gold_and_practice_clips_stand_beside_the_test(source):
    found = listed(
        source,
        "file;condition;prompt;kind;expected;tolerance\nwav/a.wav;A;rain;;;\nwav/b.wav;B;rain;Trial;;\n"
        "wav/c.wav;low;rain;anchor;;\nwav/d.wav;noise;wind;gold;1,5;0,5\nwav/e.wav;A;thunder;practice;;\n",
    )
    assert found.conditions == ("A", "B", "low")
    assert found.anchors == {"low"}
    assert [text for _, text in found.prompts] == ["rain"]
    gold, practice = found.beside
    assert (gold.kind, gold.expected, gold.tolerance) == ("gold", 1.5, 0.5)
    assert practice.kind == "practice"


def test_further_languages_of_a_file_translate_its_prompt(source):
    found = listed(
        source,
        "file,condition,prompt,language\nwav/a.wav,A,rain,en\nwav/a.wav,A,Regen,DE\nwav/b.wav,B,rain,en\nwav/b.wav,B,Regen,de\n",
    )
    assert [row.prompt for row in found.rows] == ["rain", "rain"]
    assert found.translations == {"rain": {"en": "rain", "de": "Regen"}}


def test_a_language_may_be_that_of_a_country(source):
    found = listed(
        source, "file,condition,prompt,lang\nwav/a.wav,A,rain,en-GB\nwav/a.wav,A,Regen,de_AT\nwav/b.wav,B,rain,en\n"
    )
    assert found.translations == {"rain": {"en": "rain", "de": "Regen"}}


def test_a_condition_that_is_an_anchor_in_some_rows_only_is_said(source):
    text = (
        "file,condition,prompt,kind\nwav/a.wav,A,rain,\nwav/b.wav,B,rain,anchor\nwav/c.wav,B,wind,\nwav/d.wav,A,wind,\n"
    )
    found = listed(source, text)
    assert found.anchors == frozenset()
    assert found.notes == ("B: an anchor in some rows only, and so taken as none",)


def test_columns_that_are_not_used_are_said(source):
    (note,) = listed(source, FOUR.replace("prompt\n", "prompt,colour\n").replace("rain\n", "rain,blue\n")).notes
    assert "colour" in note


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("../above.wav,A,rain", ["clips.csv:2: ", "../above.wav leads out of the table's folder", "copy"]),
        ("wav/../../above.wav,A,rain", ["leads out of the table's folder"]),
        ("/etc/hostname,A,rain", ["/etc/hostname leads out of the table's folder"]),
        ("wav/gone.wav,A,rain", ["clips.csv:2: ", "wav/gone.wav is not there", "correct the path"]),
        ("wav,A,rain", ["wav is a folder"]),
        (",A,rain", ["clips.csv:2: file is empty"]),
        ("wav/a.wav,,rain", ["clips.csv:2: condition is empty"]),
        ("wav/a.wav,A,", ["clips.csv:2: prompt is empty"]),
        ("wav/a.wav,A,rain,too,many", ["clips.csv:2: has more cells", "quotes"]),
        ('wav/a.wav,A,"rain', ["cannot be read as a table"]),
    ],
)
def test_a_line_that_cannot_be_used(source, line, words):
    said = refusal(source, f"file,condition,prompt\n{line}\n")
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no columns"),
        ("file,condition\nwav/a.wav,A\n", "names no column prompt"),
        ("clip,text\n", "names no column condition"),
        ("file,file,condition,prompt\n", "the column 'file' appears twice"),
        ("file,condition,prompt\n", "holds no audio files"),
        (
            "file,condition,prompt,kind\nwav/a.wav,A,rain,silver\n",
            "kind is 'silver'; it may be trial, gold, practice, anchor",
        ),
        ("file,condition,prompt,kind\nwav/a.wav,A,rain,gold\n", "expected is empty"),
        ("file,condition,prompt,seed\nwav/a.wav,A,rain,first\n", "seed is 'first'; it must be a number"),
        ("file,condition,prompt,seed\nwav/a.wav,A,rain,1.5\n", "seed is '1.5'; it must be a whole number"),
        ("file,condition,prompt,reference\nwav/a.wav,A,rain,wav/z.wav\n", "wav/z.wav is not there"),
        ("file,condition,prompt\nwav/a.wav,A,rain\nwav/a.wav,A,rain\n", "is listed twice"),
        ("file,condition,prompt,prompt_id\nwav/a.wav,A,rain,x\nwav/b.wav,B,wind,x\n", "has another text elsewhere"),
        ("file,condition,prompt,kind,expected\nwav/a.wav,A,rain,gold,3\n", "only gold and practice clips"),
    ],
)
def test_a_table_that_cannot_be_used(source, text, words):
    assert words in refusal(source, text)


def test_every_line_that_cannot_be_used_is_named(source):
    text = (
        "file,condition,prompt,seed\nwav/gone.wav,A,rain,\nwav/a.wav,A,rain,x\nwav/a.wav,A,rain,1,2\n\n"
        "wav/b.wav,B,rain,\nwav/b.wav,B,rain,\nwav/c.wav,b,rain,\n"
    )
    lines = refusal(source, text).split("\n")
    assert [line.split(": ")[0].rpartition(":")[2] for line in lines] == ["2", "3", "4", "7", "8"]
    assert lines[3].endswith("wav/b.wav is listed twice for B; remove one")
    assert lines[4].endswith("the conditions 'B' and 'b' differ in capitals only; name them alike, or apart")


def test_a_link_out_of_the_folder_is_refused(source):
    (source / "wav" / "link.wav").symlink_to(source.parent / "above.wav")
    assert "leads out" in refusal(source, "file,condition,prompt\nwav/link.wav,A,rain\n")


def test_a_binary_file_is_no_table(source):
    path = source / "clips.csv"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(SourceError, match="cannot be read as a table"):
        list_clips(path)
