"""A folder as the Hugging Face Hub takes a dataset: the clips, the ratings that identify nobody, and a datasheet.

The ratings are what the folder gives by itself, in one split; the clips lie beside their metadata as an audio folder
does, and are read as one: `datasets` reads all that a folder gives by itself in one way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import atomic
from app import __version__
from app.counts import counted
from app.errors import UsageError
from app.folder import STATIC
from app.privacy import analysis_columns
from app.verbs.results.tables import write
from survey.columns import Column, described

if TYPE_CHECKING:
    from survey import Manifest, StudyConfig

RATINGS, CLIPS, DICTIONARY = Path("data/ratings.parquet"), Path("clips"), Path("data/dictionary.csv")
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
MORE = "1M<n<10M"


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One clip of the dataset."""

    file_name: Annotated[str, Column("its file, beside this table")]
    stimulus: Annotated[str, Column("prompt, condition and seed in one name")]
    prompt_id: Annotated[str, Column("id of the prompt")]
    prompt: Annotated[str, Column("what the clip should sound like")]
    condition: Annotated[str, Column("the variant that made it")]
    seed: Annotated[int, Column("its seed")]
    kind: Annotated[str, Column("kind of the trials that it is for", values=("trial", "practice", "gold"))]
    clip_sha256: Annotated[str, Column("SHA-256 of its file", rule="64 hexadecimal digits")]
    seconds: Annotated[float, Column("how long it lasts", unit="s", least=0)]
    sample_rate: Annotated[int, Column("samples a second", unit="Hz", least=1)]
    channels: Annotated[int, Column("channels", least=1)]
    loudness_lufs: Annotated[float, Column("loudness by ITU-R BS.1770", unit="LUFS")]
    gain_db: Annotated[float, Column("what was added to make the clips of a prompt equally loud", unit="dB")]


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill, which is `target` once the block has ended without an error, and else is gone.

    Raises
    ------
    UsageError
        If something is there, or nothing can be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: is there already, and nothing is written over; name a new folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic.scratch(target.parent, f".{target.name}.dataset-") as scratch:
            filled = scratch / target.name
            filled.mkdir()
            yield filled
            filled.rename(target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}); name another folder") from error


def fill(folder: Path, config: StudyConfig, manifest: Manifest, clips: Path, revision: int) -> list[str]:
    """Put the clips, the data dictionary and the README beside the ratings; say in a line each what there is.

    Raises
    ------
    UsageError
        If nobody's ratings count yet, or a clip is not the one that was rated.
    """
    import fastparquet
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    from survey.dictionary import DictionaryRow, dictionary
    from survey.records import RatingRow, cells
    from survey.trials.design import TRIAL

    frame = fastparquet.ParquetFile(str(folder / RATINGS)).to_pandas()
    rated = frame[frame["kind"] == TRIAL]
    if rated.empty:
        raise UsageError(f"{config.name}: there are no ratings that count yet, so there is no dataset to make")
    _copy(manifest, clips, folder / CLIPS)
    columns = described(ClipRow)
    rows = [_row(clip) for clip in manifest.clips]
    write(folder / CLIPS / "metadata.csv", columns, cells(rows, columns), private=False)
    texts = any(one.type == "text" for one in config.asked.scales)
    tables = {"ratings": described(RatingRow, analysis_columns(texts)), "clips": columns}
    about = described(DictionaryRow)
    write(folder / DICTIONARY, about, cells(dictionary(tables), about), private=False)
    drawn = Environment(
        loader=FileSystemLoader(STATIC / "dataset"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    drawn.filters["line"], platform = _line, config.recruitment.platform
    known: dict[str, Any] = {
        "head": _head(config, len(frame)),
        "config": config,
        "version": __version__,
        "revision": revision,
        "clips": len(manifest.clips),
        "prompts": len({clip.prompt_id for clip in manifest.clips if clip.kind == TRIAL}),
        "conditions": list(dict.fromkeys(clip.condition for clip in manifest.clips if clip.kind == TRIAL)),
        "people": rated["participant"].nunique(),
        "ratings": f"{len(rated):,}",
        "began": f"{rated['rated_at'].min():%Y-%m-%d}",
        "ended": f"{rated['rated_at'].max():%Y-%m-%d}",
        "source": "People who were sent a link." if platform == "none" else f"People who came by {platform}.",
        "words": texts,
    }
    (folder / "README.md").write_text(drawn.get_template("README.md").render(known), encoding="utf-8")
    other = int((~rated["clip_sha256"].isin([clip.sha256 for clip in manifest.clips])).sum())
    gone = [f"{counted(other, 'rating')} of clips that were rendered anew since: what was heard is not in it"]
    return [f"{counted(len(rated), 'rating')}, {counted(len(rows), 'clip')}", *(gone if other else [])]


def _copy(manifest: Manifest, clips: Path, target: Path) -> None:
    """Copy the clips, each of which must be the one that the manifest lists."""
    for clip in manifest.clips:
        try:
            data = (clips / clip.file).read_bytes()
        except OSError as error:
            raise UsageError(f"{clips / clip.file}: cannot be read ({error.strerror}); run earmark check") from error
        if hashlib.sha256(data).hexdigest() != clip.sha256:
            raise UsageError(f"{clips / clip.file}: is not the clip that was listed; run earmark check")
        (target / clip.file).parent.mkdir(parents=True, exist_ok=True)
        (target / clip.file).write_bytes(data)


def _row(clip: Any) -> ClipRow:
    named = {"file_name": clip.file, "clip_sha256": clip.sha256}
    return ClipRow(**{one.name: named.get(one.name) or getattr(clip, one.name) for one in described(ClipRow)})


def _head(config: StudyConfig, rows: int) -> str:
    """Write what the Hub reads of a dataset."""
    import yaml

    head: dict[str, Any] = {"pretty_name": config.name, "license": "unknown"}
    if config.language:
        head["language"] = [config.language]
    head["task_categories"] = ["text-to-audio"]
    head["tags"] = ["audio", "listening-test", "subjective-evaluation"]
    head["size_categories"] = [next((name for most, name in SIZES if rows < most), MORE)]
    files = [{"split": "train", "path": str(RATINGS)}]
    head["configs"] = [{"config_name": "ratings", "data_files": files, "default": True}]
    text: str = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return text


def _line(text: str) -> str:
    """Write a text of the study's as one line of Markdown that is no HTML and ends no code."""
    return " ".join(text.replace("<", "&lt;").replace("`", "'").split())
