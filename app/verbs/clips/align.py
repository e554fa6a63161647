"""Align: the clips of each prompt and seed at one loudness, in files of one size; own clips among them if there are."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import atomic
from app.errors import UsageError
from app.verbs.clips.conditions import rendered
from app.verbs.clips.own import Found
from survey import Clip, StudyConfig
from survey.clips.sizes import equal_sizes
from survey.imports.finish import FULL_SCALE, finish
from survey.imports.importing import Form, clip_of, converted, form_of, import_blocks, keep, steps_of
from survey.imports.plan import Block, Plan
from survey.trials.questions import ANCHOR, QUESTION_TYPES

if TYPE_CHECKING:
    from app.verbs.clips.render import RawClips
    from quant.rendering.clips import Samples
    from survey.imports.decode import Audio, Sound


def align_rendered(folder: Path, config: StudyConfig, raw: RawClips) -> list[Clip]:
    """Bring the rendered conditions of each prompt and seed to the loudness of the quietest, and write them."""
    from quant.rendering.anchor import low_anchor
    from quant.rendering.clips import apply_gain, encode_flac
    from quant.rendering.loudness import aligned_gains, loudness

    clips: list[Clip] = []
    conditions = QUESTION_TYPES[config.scale.type].conditions(config.conditions)
    for prompt_id, prompt, seed in raw.cells():
        raws = [raw.read(condition, prompt, seed) for condition in config.conditions]
        if ANCHOR in conditions:
            samples, rate = raws[config.conditions.index(config.analysis.baseline)]
            raws.append((low_anchor(samples, rate), rate))
        gains = aligned_gains([loudness(samples, rate) for samples, rate in raws])
        made: list[tuple[Samples, int]] = [
            (apply_gain(samples, gain), rate) for (samples, rate), gain in zip(raws, gains, strict=True)
        ]
        files = equal_sizes([encode_flac(samples, rate) for samples, rate in made])
        for condition, (samples, rate), gain, content in zip(conditions, made, gains, files, strict=True):
            stimulus = f"{prompt_id}.{condition}.{seed}"
            source = config.analysis.baseline if condition == ANCHOR else condition
            clip = Clip(
                stimulus=stimulus,
                prompt_id=prompt_id,
                prompt=prompt,
                condition=condition,
                seed=seed,
                file=f"{stimulus}.flac",
                sha256=hashlib.sha256(content).hexdigest(),
                seconds=len(samples) / rate,
                sample_rate=rate,
                channels=samples.shape[1],
                gain_db=round(gain, 3),
                loudness_lufs=round(max(loudness(samples, rate), -200.0), 2),
                recipe=raw.made_by(source, prompt, seed),
            )
            _write(folder / "clips" / clip.file, content)
            clips.append(clip)
    return clips


def align_mixed(
    folder: Path, config: StudyConfig, raw: RawClips, own: Found, sounds: dict[str, Sound]
) -> tuple[list[Clip], Form]:
    """Bring rendered and own clips of each prompt and seed to one loudness and length, and write them.

    Returns the clips, and the form that they have: the model's rate and channels.
    """
    assert config.clips is not None
    blocks = {(block.prompt_id, block.seed): block for block in own.plan.blocks}
    first, rate = raw.read(rendered(config)[0], config.prompts[0].text, config.sampling.seeds[0])
    form = form_of(replace(config.clips, sample_rate=rate, channels=first.shape[1]), ())
    clips: list[Clip] = []
    for prompt_id, prompt, seed in raw.cells():
        block = blocks.get((prompt_id, seed), Block(prompt_id, prompt, seed, ()))
        clips += _mixed_block(folder, config, raw, block, sounds, form)
    clips += import_blocks(Plan((), own.plan.beside), sounds, form, folder / "clips", own.source)
    return clips, form


def _mixed_block(
    folder: Path, config: StudyConfig, raw: RawClips, block: Block, sounds: dict[str, Sound], form: Form
) -> list[Clip]:
    from quant.rendering.anchor import low_anchor_of

    heard: dict[str, Audio] = {}
    audio: dict[str, tuple[Audio, dict[str, object]]] = {}
    for name in rendered(config):
        samples, _ = raw.read(name, block.prompt, block.seed)
        heard[name] = samples.astype(np.float32) / np.float32(FULL_SCALE)
    for one in block.clips:
        audio[one.condition] = converted(one, sounds[str(one.row.path)], form)
        heard[one.condition] = audio[one.condition][0]
    baseline = config.analysis.baseline
    wanted = QUESTION_TYPES[config.scale.type].conditions(config.conditions)
    if ANCHOR in wanted and ANCHOR not in heard and baseline in heard:
        heard[ANCHOR] = low_anchor_of(heard[baseline], form.sample_rate)
    names = [name for name in wanted if name in heard]
    made = []
    for name, finished in zip(
        names, finish([heard[name] for name in names], form.sample_rate, form.loudness), strict=True
    ):
        source = baseline if name == ANCHOR and name not in audio else name
        stimulus = f"{block.prompt_id}.{name}.{block.seed}"
        file = keep(folder / "clips", finished.content)
        clip = clip_of(block, stimulus, name, finished, form, file)
        if source in audio:
            made_from = {"made_from": baseline} if source != name else {}
            made.append(replace(clip, origin={**audio[source][1], **made_from, **steps_of(finished)}))
        else:
            made.append(replace(clip, recipe=raw.made_by(source, block.prompt, block.seed)))
    return made


def _write(path: Path, content: bytes) -> None:
    try:
        with atomic.replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); check the folder and the disk") from error
