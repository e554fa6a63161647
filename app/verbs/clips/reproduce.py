"""The verb reproduce: a clip of a study rendered anew, and held against the one that people heard."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import atomic
from app.errors import UsageError
from app.folder import read_study
from app.verbs.options import device

if TYPE_CHECKING:
    from survey import Clip, Manifest, StudyConfig

SHOWN = 6  # names of clips in a refusal


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("study", type=Path, metavar="STUDY", help="study folder, or what an archive was restored into")
    made.add_argument("stimulus", metavar="STIMULUS", help="clip, by its name in clips/manifest.json: p1.baseline.1000")
    device(made)


def run(arguments: argparse.Namespace) -> None:
    """Render a clip anew and say whether it is bit-equal to the one that people heard, or how far it is, and why.

    An own clip, which nothing rendered, is held against its SHA-256.
    """
    folder, config = read_study(arguments.study)
    print(*reproduce(folder, config, arguments.stimulus, arguments.device), sep="\n")


def reproduce(folder: Path, config: StudyConfig, stimulus: str, on: str) -> list[str]:
    """Render the clips of a prompt and seed in a folder of their own, and compare one; nothing of the study changes.

    All conditions are rendered, as their loudness and the size of their files are one.

    Raises
    ------
    UsageError
        If there is no such clip, or a file is not the one that people heard.
    """
    from app.verbs.clips.conditions import adapters_of, model_name
    from app.verbs.clips.pipeline import generate_study
    from survey import read_manifest

    manifest = read_manifest(folder / "clips" / "manifest.json")
    clip = _named(manifest, stimulus, folder)
    if config.clips is not None or clip.origin or not clip.recipe:
        return [held(clip, folder / "clips" / clip.file)]
    prompt = next((one for one in config.prompts if (one.id, one.text) == (clip.prompt_id, clip.prompt)), None)
    if prompt is None:
        raise UsageError(
            f"{folder / 'study.yaml'}: has no prompt {clip.prompt_id} {clip.prompt!r} any more; put it back"
        )
    adapters = zip(config.lora, adapters_of(folder.resolve(), config), strict=True)
    one = replace(
        config,
        model=model_name(folder.resolve(), config),
        lora=tuple(replace(each, file=str(there.path)) for each, there in adapters),
        prompts=(prompt,),
        sampling=replace(config.sampling, seeds=(clip.seed,)),
    )
    with atomic.scratch(Path(tempfile.gettempdir()), "earmark-reproduce-") as place:
        (place / "models").mkdir()
        for file in (folder / "models").glob("*.safetensors"):
            (place / "models" / file.name).symlink_to(file.resolve())  # one that is made anew takes the link's place
        made = generate_study(place, one, device=on)
        anew = next(each for each in made.clips if each.stimulus == stimulus)
        lines = [compared(clip, anew, folder / "clips", place / "clips")]
    return [*lines, *(f"  {line}" for line in differences(manifest, made, clip, anew))]


def held(clip: Clip, path: Path) -> str:
    """Say of a clip that nothing rendered whether its file is the one that people heard.

    Raises
    ------
    UsageError
        If it is not.
    """
    said = f"{clip.stimulus}: imported, not rendered, so there is nothing to render anew"
    try:
        whole = hashlib.sha256(path.read_bytes()).hexdigest() == clip.sha256
    except OSError:
        return f"{said}; {path} is not there to be held against SHA-256 {clip.sha256}"
    if not whole:
        raise UsageError(f"{path}: is not the file that people heard; run earmark verify, or earmark check")
    return f"{said}; its file is the one that people heard, SHA-256 {clip.sha256}"


def compared(clip: Clip, anew: Clip, heard: Path, made: Path) -> str:
    """Say whether two clips are bit-equal, or how far the new one is from the one in the folder `heard`.

    Raises
    ------
    UsageError
        If that is not the file that people heard.
    """
    import numpy as np

    from quant.errors import QuantError
    from quant.rendering.clips import read_flac

    if anew.sha256 == clip.sha256:
        return f"{clip.stimulus}: bit-equal, SHA-256 {clip.sha256}"
    path = heard / clip.file
    try:
        whole = hashlib.sha256(path.read_bytes()).hexdigest() == clip.sha256
        before, rate = read_flac(path)
    except (OSError, QuantError):
        return f"{clip.stimulus}: not bit-equal; how far cannot be said, as {path} is not there to be compared"
    if not whole:
        raise UsageError(f"{path}: is not the file that people heard; run earmark verify, or earmark check")
    after, new_rate = read_flac(made / anew.file)
    if (before.shape, rate) != (after.shape, new_rate):
        return (
            f"{clip.stimulus}: not bit-equal: {len(after)} samples at {new_rate} Hz in {after.shape[1]} channels, not "
            f"{len(before)} at {rate} Hz in {before.shape[1]}"
        )
    if (before == after).all():
        return f"{clip.stimulus}: every sample is equal; the file is another, as another release wrote its FLAC"
    apart = np.abs(before.astype(float) - after)
    snr = 10 * np.log10(np.square(before, dtype=float).sum() / np.square(apart).sum())
    return (
        f"{clip.stimulus}: not bit-equal: SNR {snr:.1f} dB, {(apart > 0).mean():.1%} of the samples "
        f"differ, by {apart.max():,.0f} of 32,767 at most"
    )


def differences(before: Manifest, after: Manifest, clip: Clip, anew: Clip) -> Iterator[str]:
    """Say in a line each what is recorded otherwise of two clips: what rendered them, and from which files."""
    told: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
        ("", clip.recipe, anew.recipe),
        ("", before.variants.get(clip.condition, {}), after.variants.get(clip.condition, {})),
        ("sampling ", before.sampling, after.sampling),
    ]
    found = False
    for kind, then, now in told:
        for key in dict.fromkeys((*then, *now)):
            old, new = then.get(key, "not recorded"), now.get(key, "not recorded")
            if old != new and (kind, key) != ("sampling ", "seeds"):
                found = True
                yield f"{kind}{key.replace('_', ' ')}: {new}, was {old}"
    if clip.sha256 != anew.sha256 and not found:
        yield "nothing that is recorded differs; other releases of libraries, or another number of threads, may"


def _named(manifest: Manifest, stimulus: str, folder: Path) -> Clip:
    """Find a clip.

    Raises
    ------
    UsageError
        If there is none.
    """
    for clip in manifest.clips:
        if clip.stimulus == stimulus:
            return clip
    some = ", ".join(clip.stimulus for clip in manifest.clips[:SHOWN])
    raise UsageError(f"{stimulus}: no such clip in {folder / 'clips' / 'manifest.json'}; there are {some}, ...")
