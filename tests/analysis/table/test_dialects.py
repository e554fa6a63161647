"""Dialects: one table as spreadsheets, R, pandas and people write it, always read as what it is."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fresh_tables import HEADER, Rows, fresh, notices, read, written

from analysis.errors import NoRatingsError, RatingsError, TableError
from analysis.read.answers import load_answers
from analysis.table.reading import read_table

Write = Callable[..., Path]
SAFE = ("a dog barking", "une cloche", "12 birds", "glass breaking", "waves")  # no separator within


def plainly(rows: Rows, separator: str, before: str = "", after: str = "") -> str:
    """Write rows without any quotes."""
    return "".join(before + separator.join(row) + after + "\n" for row in rows)


def frame_of(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=HEADER).astype({"score": int})


def fixed(rows: Rows) -> str:
    """Set rows out in columns, numbers to the right, as R and pandas print them."""
    frame = frame_of(rows).astype({"participant": "category"})
    return frame.to_string(index=False) + "\n"


def printed_by_r(rows: Rows) -> str:
    """Write rows as R's write.table does when it is told nothing."""
    lines = [" ".join(f'"{name}"' for name in HEADER)]
    for number, (*names, score) in enumerate(rows, 1):
        quoted = " ".join('"{}"'.format(name.replace('"', '\\"')) for name in names)
        lines.append(f'"{number}" {quoted} {score}')
    return "\n".join(lines) + "\n"


def psql(rows: Rows) -> str:
    """Write rows as psql prints a table."""
    rule = "-" * 20 + "+" + "-" * 20 + "+" + "-" * 20 + "+" + "-" * 7
    lines = [" | ".join(HEADER), rule, *(" | ".join(cell.ljust(18) for cell in row) for row in rows)]
    return "\n".join([*lines, f"({len(rows)} rows)", ""])


def markdown(rows: Rows) -> str:
    return "\n".join(["| " + " | ".join(row) + " |" for row in [HEADER, ("---",) * 4, *rows]]) + "\n"


FORMS: dict[str, Callable[[Rows], str | bytes]] = {
    "commas": written,
    "semicolons": lambda rows: written(rows, ";"),
    "tabs": lambda rows: written(rows, "\t"),
    "vertical bars": lambda rows: written(rows, "|"),
    "everything quoted": lambda rows: written(rows, quoting=csv.QUOTE_ALL),
    "sep= before it": lambda rows: "sep=;\n" + written(rows, ";"),
    "sep= in quotes, padded": lambda rows: '"SEP=|",,,\r\n' + written(rows, "|", end="\r\n"),
    "a separator that only sep= tells": lambda rows: "sep=^\n" + written(rows, "^"),
    "Windows line ends": lambda rows: written(rows, end="\r\n"),
    "old Mac line ends": lambda rows: written(rows, end="\r"),
    "mixed line ends": lambda rows: written(rows[:5], end="\r\n") + written(rows[5:], end="\r").split("\r", 1)[1],
    "UTF-8 with its mark": lambda rows: b"\xef\xbb\xbf" + written(rows).encode(),
    "UTF-8 with its mark twice": lambda rows: b"\xef\xbb\xbf" * 2 + written(rows, ";").encode(),
    "UTF-16": lambda rows: written(rows, "\t", end="\r\n").encode("utf-16"),
    "UTF-16, big-endian": lambda rows: b"\xfe\xff" + written(rows).encode("utf-16-be"),
    "UTF-16 without its mark": lambda rows: written(rows, "\t").encode("utf-16-le"),
    "UTF-16 without its mark, big-endian": lambda rows: written(rows).encode("utf-16-be"),
    "UTF-32": lambda rows: written(rows).encode("utf-32"),
    "pandas with its index": lambda rows: frame_of(rows).to_csv(),
    "pandas with the index of an index": lambda rows: frame_of(rows).rename_axis("Unnamed: 0").to_csv(),
    "R's write.csv": lambda rows: written([(str(n), *row) for n, row in enumerate(rows, 1)], header=("", *HEADER)),
    "row names without a header": lambda rows: written([(str(n), *row) for n, row in enumerate(rows, 1)], ";"),
    "row names after a subset": lambda rows: written([(str(3 * n), *row) for n, row in enumerate(rows, 1)], "\t"),
    "separators at all ends": lambda rows: written([(*r, "", "") for r in rows], header=(*HEADER, "", "")),
    "separators at the ends of rows": lambda rows: written([(*row, "") for row in rows], ";"),
    "separators at the end of the header": lambda rows: written(rows, header=(*HEADER, "")),
    "a title above": lambda rows: "Listening test of May, all raters\n\n" + written(rows, ";"),
    "a title above, padded": lambda rows: "Listening test of May,,,\n,,,\n" + written(rows),
    "two lines above": lambda rows: f"Exported: 2026-01-02{chr(10)}By: the lab{chr(10)}" + written(rows, "\t"),
    "notes below": lambda rows: written(rows) + "\nSource: our lab\nAll rights reserved\n",
    "notes below, padded": lambda rows: written(rows) + ",,,\nSource: our lab,,,\n",
    "comments": lambda rows: "# made by a script, version 2\n" + written(rows) + "# the end\n",
    "a comment within": lambda rows: written(rows[:4]) + "# a pause\n" + written(rows[4:]).split("\n", 1)[1],
    "a header in a comment": lambda rows: "# " + written(rows),
    "the header repeated": lambda rows: written(rows[:6]) + written(rows[6:]),
    "the header repeated, with its mark": lambda rows: written(rows[:6]) + "\ufeff" + written(rows[6:]),
    "apostrophes before numbers": lambda rows: written([(*row[:3], f"'{row[3]}") for row in rows]),
    "formulas of a text": lambda rows: written([tuple(f'="{cell}"' for cell in row[:1]) + row[1:] for row in rows]),
    "formulas of a score": lambda rows: written([(*row[:3], f'="{row[3]}"') for row in rows]),
    "no-break spaces": lambda rows: written([tuple(f"\xa0{cell}\u202f" for cell in row) for row in rows]),
    "blanks around separators": lambda rows: written([tuple(f" {cell} " for cell in row) for row in rows], ";"),
    "empty lines": lambda rows: written(rows).replace("\n", "\n\n") + ",,,\n",
    "gzip": lambda rows: gzip.compress(written(rows).encode()),
    "decimals with a comma": lambda rows: written([(*row[:3], f"{row[3]},0") for row in rows], ";"),
    "percent signs": lambda rows: written([(*row[:3], f"{row[3]} %") for row in rows]),
    "labels with a dash": lambda rows: written([(*row[:3], f"{row[3]} - {WORDS[row[3]]}") for row in rows]),
    "labels in parentheses": lambda rows: written([(*row[:3], f"{row[3]} ({WORDS[row[3]]})") for row in rows]),
    "labels first": lambda rows: written([(*row[:3], f"{WORDS[row[3]]} ({row[3]})") for row in rows]),
    "words alone": lambda rows: written([(*row[:3], WORDS[row[3]].upper()) for row in rows], "\t"),
    "an unnamed header cell at the end": lambda rows: written([(*r, "") for r in rows], header=(*HEADER, " ")),
}
WORDS = {"5": "Excellent", "4": "Good", "3": "Fair", "2": "Poor", "1": "Bad"}
BARE: dict[str, Callable[[Rows], str]] = {
    "R's write.table": printed_by_r,
    "quoted, separated by blanks": lambda rows: written(rows, " ", quoting=csv.QUOTE_ALL),
    "columns of fixed width": fixed,
    "two blanks and more": lambda rows: plainly([HEADER, *rows], "   "),
    "psql": psql,
    "Markdown": markdown,
}


@pytest.mark.parametrize("form", list(FORMS))
def test_a_table_is_read_the_same_in_every_form(write: Write, seed: int, form: str) -> None:
    rows = fresh(seed)
    assert read(write(FORMS[form](rows))) == rows


@pytest.mark.parametrize("form", list(BARE))
def test_a_table_without_separators_of_its_own_is_read(write: Write, seed: int, form: str) -> None:
    rows = fresh(seed, SAFE)
    assert read(write(BARE[form](rows))) == rows


@pytest.mark.parametrize("separator", list(",;\t|"))
def test_the_separator_is_what_cuts_all_lines_alike(write: Write, seed: int, separator: str) -> None:
    rng = np.random.default_rng(seed)
    other = [mark for mark in ",;\t|" if mark != separator]
    prompts = [f"one{rng.choice(other)}two{rng.choice(other)}{number}" for number in range(5)]
    rows = fresh(seed, prompts)
    header = f'participant{separator}"prompt"{separator}condition{separator}score'
    assert read(write(header + "\n" + plainly(rows, separator))) == rows


def test_what_was_left_out_is_said(write: Write, seed: int) -> None:
    rows = fresh(seed)
    content = "Test of May,,,\n" + written(rows[:3]) + "# a pause\n" + written(rows[3:]) + "\nour lab\n"
    said = notices(write(content))
    for part in (
        "above the table: 'Test of May' (line 1)",
        "repeated 1 time",
        "1 line with #",
        "below the table: 'our lab'",
    ):
        assert part in said
    assert "row names" in notices(write(FORMS["row names without a header"](rows)))
    assert "only counts the rows" in notices(write(FORMS["pandas with its index"](rows)))
    assert notices(write(written(rows))) == ""
    assert notices(write(written(rows, "\t", end="\r\n").encode("utf-16"))) == "", "nothing had to be guessed"


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (lambda rows: written(rows, ";"), "CSV in UTF-8, separated by semicolons"),
        (lambda rows: written(rows, "\t").encode("utf-16"), "CSV in UTF-16, separated by tabs"),
        (lambda rows: gzip.compress(written(rows).encode()), "CSV in UTF-8, separated by commas, packed with gzip"),
    ],
)
def test_the_form_is_named(write: Write, seed: int, content: Callable[[Rows], str | bytes], form: str) -> None:
    assert load_answers(write(content(fresh(seed)))).source.form == form


def test_line_numbers_are_those_of_the_file(write: Write, seed: int) -> None:
    rows = fresh(seed, SAFE)
    content = "sep=;\nA title\n\n" + written(rows, ";") + ";;;\n"
    assert read_table(write(content)).lines == list(range(5, 5 + len(rows)))
    broken = [*rows]
    broken[2] = (*rows[2][:3], "many")
    with pytest.raises(RatingsError, match=r"^ratings\.csv: line 7: score 'many'"):
        load_answers(write("sep=;\nA title\n\n" + written(broken, ";")))


def test_names_with_a_number_sign_are_names(write: Write, seed: int) -> None:
    rows = [(f"#{person}", *rest) for person, *rest in fresh(seed)]
    assert read(write(written(rows))) == rows


def test_rows_that_are_commented_out_are_left_out(write: Write, seed: int) -> None:
    rows = fresh(seed)
    path = write(written([*rows[:2], ("# " + rows[2][0], *rows[2][1:]), *rows[3:]]))
    assert read(path) == [*rows[:2], *rows[3:]]
    assert "1 line with # in front left out" in notices(path)


def test_an_apostrophe_of_a_text_stays(write: Write, seed: int) -> None:
    rows = fresh(seed, ("'tis raining", "'Allo", "rock 'n' roll", "'90s radio", "x"))
    assert read(write(written(rows))) == rows


def test_participants_who_are_numbers_are_no_row_names(write: Write, seed: int) -> None:
    rows = [(str(number), *rest) for number, (_, *rest) in enumerate(fresh(seed), 1)]
    assert read(write(written(rows))) == rows
    assert notices(write(written(rows))) == ""


# Refusals: each remedy is followed, and works.


def test_a_decimal_comma_between_commas_is_refused_and_semicolons_mend_it(write: Write, seed: int) -> None:
    rows = [(*row[:3], f"{row[3]},0") for row in fresh(seed, SAFE)]
    with pytest.raises(TableError, match="line 2 has 5 fields and the header 4; put quotes around a text"):
        load_answers(write(plainly([HEADER, *rows], ",")))
    assert read(write(plainly([HEADER, *rows], ";"))) == fresh(seed, SAFE)
    assert read(write(written(rows))) == fresh(seed, SAFE), "quotes around it mend it, too"
    numbered = [(str(number), *row[1:]) for number, row in enumerate(rows, 1)]
    with pytest.raises(TableError, match="if a number has a decimal comma, separate the columns with semicolons"):
        load_answers(write(plainly([HEADER, *numbered], ",")))
    assert len(read(write(plainly([HEADER, *numbered], ";")))) == len(rows)


def test_row_names_that_cannot_be_told_are_refused_and_a_name_mends_it(write: Write, seed: int) -> None:
    rows = [(str(n), *row[:2], str(n % 3), row[3]) for n, row in enumerate(fresh(seed), 1)]
    with pytest.raises(TableError, match="if the first column holds row names, name it in the header too"):
        load_answers(write(written(rows)))
    assert read(write(written(rows, header=("row", *HEADER)))) == [row[1:] for row in rows]


def test_a_text_without_quotes_is_refused_and_quotes_mend_it(write: Write, seed: int) -> None:
    rows = fresh(seed, ("rain, thunder", "a bell", "a dog", "waves"))
    place = next(number for number, row in enumerate(rows, 2) if "," in row[1])
    with pytest.raises(TableError, match=f"line {place} has 5 fields and the header 4; put quotes around a text"):
        load_answers(write(plainly([HEADER, *rows], ",")))
    assert read(write(written(rows))) == rows


def test_a_short_row_is_refused_and_filling_it_mends_it(write: Write, seed: int) -> None:
    rows = fresh(seed, SAFE)
    with pytest.raises(TableError, match="line 4 has 2 fields and the header 4; fill in the fields that are missing"):
        load_answers(write(plainly([HEADER, *rows[:2], rows[2][:2], *rows[3:]], ",")))
    cut = plainly([HEADER, *rows], ",")[:-4]
    with pytest.raises(TableError, match="or delete the line"):
        load_answers(write(cut))
    assert read(write(cut[: cut.rindex("\n") + 1])) == rows[:-1]


def test_a_quote_that_stays_open_is_refused_where_it_opens(write: Write, seed: int) -> None:
    rows = fresh(seed, SAFE)
    content = plainly([HEADER, *rows], ",")
    broken = content.replace(rows[3][1], '"' + rows[3][1], 1)
    line = broken[: broken.index('"')].count("\n") + 1
    with pytest.raises(TableError, match=f"line {line} is not CSV .*check its quotes"):
        load_answers(write(broken))
    assert read(write(broken.replace('"', ""))) == rows


@pytest.mark.parametrize("content", ["", "\n\n", " \r\n"])
def test_an_empty_file_is_said_to_be_empty(write: Write, content: str) -> None:
    with pytest.raises(RatingsError, match=r"^ratings\.csv: is empty; give a table with a row a rating"):
        load_answers(write(content))


def test_a_header_alone_holds_no_rating(write: Write) -> None:
    with pytest.raises(NoRatingsError, match="no line of data"):
        load_answers(write(written([], ";")))


@pytest.mark.parametrize("columns", [["prompt", "condition"], ["condition", "prompt"]])
@pytest.mark.parametrize("values", ["score", ["score"]])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_columns_of_several_levels_as_pandas_writes_them(
    tmp_path: Path, seed: int, columns: list[str], values: str | list[str], kind: str
) -> None:
    rng = np.random.default_rng(seed)
    names = [(f"p{at}", f"rain{prompt}", name) for at in range(5) for prompt in range(4) for name in ("base", "w8")]
    rows = [(*own, str(rng.integers(1, 6))) for own in names]
    wide = frame_of(rows).pivot(index="participant", columns=columns, values=values)
    path = tmp_path / f"wide.{kind}"
    (wide.to_csv if kind == "csv" else wide.to_excel)(path)
    assert sorted(read(path)) == sorted(rows)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("age", [[], [("How old are you?", "Open-Ended Response", "33")]])
def test_a_header_of_two_lines_as_of_survey_monkey(
    write: Write, seed: int, count: int, age: list[tuple[str, str, str]]
) -> None:
    rng = np.random.default_rng(seed)
    clips = [(name, f"rain{prompt}") for prompt in range(count) for name in ("base", "w8")]
    known = [("Respondent ID", ""), ("Collector ID", ""), ("Start Date", ""), *(one[:2] for one in age)]
    lines = [[name for name, _ in known] + ["How good is it?"] + [""] * (2 * count - 1)]
    lines += [[name for _, name in known] + [f"{name}/{prompt}.wav" for name, prompt in clips]]
    rows = []
    for who in map(str, range(100, 105)):
        given = [str(score) for score in rng.integers(1, 6, len(clips))]
        lines.append([who, "7", "2026-03-01", *(one[2] for one in age), *given])
        rows += [(who, prompt, name, score) for (name, prompt), score in zip(clips, given, strict=True)]
    assert sorted(read(write("".join(",".join(line) + "\n" for line in lines)))) == sorted(rows)
