"""Reference: the real audio that sets of clips are compared with, in a folder, named as its prompts are."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.counts import counted
from app.errors import UsageError

if TYPE_CHECKING:
    from analysis.metrics.basis.clips import Clip
    from analysis.metrics.basis.published import Published

SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
NAMED = 3


@dataclass(frozen=True)
class Reference:
    """Real audio, or what was published of some.

    Parameters
    ----------
    clips
        Each file once; none where there is no audio.
    by_prompt
        The file of each prompt that has one, by the prompt's id.
    missing
        Ids of the prompts that have none.
    words
        What it is, for the report.
    published
        What stable-audio-metrics published of a set, where its files lie in the folder.
    repeated
        Names, without the suffix, that several files have.
    """

    clips: Sequence[Clip]
    by_prompt: Mapping[str, Clip]
    missing: Sequence[str]
    words: str
    published: Published
    repeated: Sequence[str] = ()

    @property
    def remarks(self) -> list[str]:
        """What must be known of it."""
        said = []
        if self.repeated:
            several = len(self.repeated) > 1
            said.append(
                f"{counted(len(self.repeated), 'name')} {'are those' if several else 'is that'} of several files of "
                f"the reference ({_few(self.repeated)}): a prompt is compared with the first by its path, sets of "
                "clips with all that differ."
            )
        if not self.missing or not self.clips:
            return said
        they = "it is" if len(self.missing) == 1 else "they are"
        return [
            *said,
            f"{counted(len(self.missing), 'prompt')} of {len(self.missing) + len(self.by_prompt)} "
            f"{'has' if len(self.missing) == 1 else 'have'} no reference audio ({_few(self.missing)}): {they} "
            "left out of what is compared prompt by prompt.",
        ]


def find_reference(folder: Path, names: Mapping[str, Sequence[str]]) -> Reference:
    """List the sound files of a folder, and find that of each prompt.

    Parameters
    ----------
    names
        By the id of a prompt, what its file may be called, without the suffix.

    Raises
    ------
    UsageError
        If there is no such folder, or neither sound nor anything published in it.
    MetricError
        If what was published is damaged.
    """
    from analysis.metrics.basis.clips import Clip
    from analysis.metrics.networks.published_files import read_published

    if not folder.is_dir():
        raise UsageError(f"--reference: {folder} is no folder; name the one that holds the real audio")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS and path.is_file())
    published = read_published(folder)
    if not files and not published.files:
        raise UsageError(f"--reference: {folder} holds no sound ({', '.join(SOUNDS)}); name another folder")
    by_stem = {path.stem: path for path in reversed(files)}
    clips = {path: Clip(path, _sha256(path), path.stem) for path in files}
    by_prompt = {}
    for prompt_id, stems in names.items():
        path = next((by_stem[stem] for stem in stems if stem in by_stem), None)
        if path is not None:
            by_prompt[prompt_id] = clips[path]
    missing = [prompt_id for prompt_id in names if prompt_id not in by_prompt]
    audio = f"real audio, {counted(len(files), 'file')} of {folder.name or folder}"
    words = "; ".join([audio] * bool(files) + [f"published: {', '.join(published.files)}"] * bool(published.files))
    unique = list({clip.sha256: clip for clip in clips.values()}.values())
    times = Counter(path.stem for path in files)
    return Reference(unique, by_prompt, missing, words, published, [stem for stem in by_stem if times[stem] > 1][::-1])


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); replace or remove it") from error
