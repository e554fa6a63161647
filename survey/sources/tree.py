"""Tree: a folder laid out as `condition/prompt.wav`, or `condition/prompt/take.wav` where there are several takes."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from survey.faults import Fault
from survey.sources.rows import Found, Row, natural, plain, some
from survey.sources.text import read_lines, read_table_file

SOUND = re.compile(
    r"\.(wave?|flac|og[ga]|opus|mp[23]|aif[fc]?|aiff|au|snd|caf|w64|rf64|voc|sph|nist|m4[ab]|aac|mp4|mov|mk[av]|wma"
    r"|webm|3gp|amr|e?ac3|wv|ape|tta|mpc|dsf|spx|alac)",
    re.IGNORECASE,
)
TEXTS = ("prompts.csv", "prompts.tsv", "prompts.txt")
QUIET = ("thumbs.db", "desktop.ini")
IDS, PROMPTS = ("prompt_id", "id", "stem", "file", "name", "key"), ("prompt", "text", "description", "caption")


def read_tree(root: Path) -> Found:
    """List the audio files below a folder; texts of prompts come from `prompts.csv` or `prompts.txt` beside them."""
    rows: list[Row] = []
    faults: list[Fault] = []
    aside: list[str] = []
    texts = _texts(root, faults)
    for folder in _inside(root, root, faults):
        if folder.is_file():
            if SOUND.fullmatch(folder.suffix):
                faults.append(Fault(f"{folder.name} lies in no condition's folder; move it into one"))
            elif folder.name.lower() not in TEXTS:
                aside.append(folder.name)
            continue
        for entry in _inside(folder, root, faults):
            takes = list(_inside(entry, root, faults)) if entry.is_dir() else [entry]
            stem = plain(entry.name if entry.is_dir() else entry.stem)
            text = texts.get(stem, stem.replace("_", " ").strip() or stem)
            names = list(dict.fromkeys(plain(take.stem) for take in takes if SOUND.fullmatch(take.suffix)))
            for take in takes:
                shown = take.relative_to(root).as_posix()
                if take.is_dir():
                    faults.append(Fault(f"{shown}/ is a folder too deep; the layout is condition/prompt/take"))
                elif SOUND.fullmatch(take.suffix):
                    rows.append(Row(take, shown, plain(folder.name), stem, text, names.index(plain(take.stem)) + 1))
                else:
                    aside.append(shown)
    used = {row.prompt_id for row in rows}
    order = {stem: place for place, stem in enumerate(texts)}
    rows.sort(key=lambda row: (order.get(row.prompt_id, len(order)), natural(row.prompt_id)))
    notes = [f"left aside, as no audio: {some(aside)}"] if aside else []
    if unheard := [stem for stem in texts if stem not in used]:
        notes.append(f"prompts without any clip are left out: {some(unheard)}")
    return Found(tuple(rows), tuple(faults), tuple(notes))


def _inside(folder: Path, root: Path, faults: list[Fault]) -> Iterator[Path]:
    """Yield what lies in a folder, in the order of its names; what leads out of `root` is a fault."""
    for entry in sorted(folder.iterdir(), key=lambda entry: natural(plain(entry.name))):
        if entry.name.startswith((".", "__MACOSX")) or entry.name.lower() in QUIET:
            continue
        shown = entry.relative_to(root).as_posix()
        if entry.is_symlink() and not entry.resolve().is_relative_to(root.resolve()):
            faults.append(Fault(f"{shown} is a link that leads out of the folder; copy what it points to"))
        elif not entry.exists():
            faults.append(Fault(f"{shown} is a link to nothing; remove it"))
        else:
            yield entry


def _texts(root: Path, faults: list[Fault]) -> dict[str, str]:
    """Read the texts of the prompts, by the stem of their files, in the order in which they stand."""
    there = [entry for entry in sorted(root.iterdir()) if entry.name.lower() in TEXTS and entry.is_file()]
    if len(there) > 1:
        faults.append(Fault(f"{' and '.join(entry.name for entry in there)} both say what the prompts are; keep one"))
    found: dict[str, str] = {}
    for number, stem, text in _pairs(there[0], faults) if there else ():
        if not text:
            faults.append(_fault(there[0], number, "has no text; write `name{tab}text`, or leave it out"))
        elif found.setdefault(stem, text) != text:
            faults.append(_fault(there[0], number, f"gives {stem} a second text; keep one"))
    return found


def _pairs(path: Path, faults: list[Fault]) -> Iterator[tuple[int, str, str]]:
    """Yield line, stem and text of each line."""
    try:
        if path.suffix.lower() == ".txt":
            for number, line in enumerate(read_lines(path), 1):
                if line.strip():
                    parts = next((line.split(mark, 1) for mark in ("\t", "|", ":") if mark in line), [line, ""])
                    yield number, _stem(parts[0]), plain(parts[1])
            return
        table = read_table_file(path)
    except (OSError, ValueError) as error:
        faults.append(_fault(path, 0, f"cannot be read ({error}); save it as UTF-8 text"))
        return
    faults += (replace(fault, file=str(path)) for fault in table.faults)
    if not table.header:
        return
    key = next((name for name in IDS if name in table.header), None)
    text = next((name for name in PROMPTS if name in table.header), None)
    if key is None or text is None:
        faults.append(_fault(path, 1, "its first line names no columns prompt_id and prompt; name them so"))
        return
    for number, row in table.rows:
        yield number, _stem(row[key]), plain(row[text])


def _fault(path: Path, line: int, said: str) -> Fault:
    return Fault(said, line=line, file=str(path))


def _stem(name: str) -> str:
    """Return a prompt's name from that of one of its files."""
    path = Path(plain(name))
    return path.stem if SOUND.fullmatch(path.suffix) else path.name
