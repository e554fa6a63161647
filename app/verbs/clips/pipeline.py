"""A study's way from weights to clips: calibrate, quantize, render, align, list.

Each stop is a file that is written whole or not at all, and each step skips what is done: what a rendered clip
depends on is hashed into the name under which it is kept until the conditions are aligned
(:mod:`app.verbs.clips.render`).
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app import __version__
from app.errors import UsageError
from app.folder import ROOT
from app.progress import Estimate, Progress
from app.verbs.clips.align import align_mixed, align_rendered
from app.verbs.clips.conditions import (
    adapter_facts,
    adapters_of,
    check_conditions,
    checkpoint_path,
    model_name,
    rendered,
    settings_of,
    variant_of,
)
from app.verbs.clips.own import Found, find_own, foils_of, imported, look_at_own
from app.verbs.clips.render import RawClips
from quant.adapters.adapter import recorded
from quant.configuration.identity import computed_sha256
from quant.errors import ModelError
from quant.method.variants import VARIANTS, EngineName
from quant.rendering.length import beyond_training
from survey import QUESTION_TYPES, Manifest, ManifestError, StudyConfig, read_manifest, write_manifest
from survey.clips.cells import TRIAL, cell_of, wanted_cells
from survey.imports.importing import described

if TYPE_CHECKING:
    from quant.method.calibration import Calibration
    from quant.model.loading import AudioModel
    from quant.rendering.sampling import Sampling
    from survey.imports.decode import Sound

T = TypeVar("T")
PROMPTS_FILE = ROOT / "quant" / "calibration_prompts.txt"


def calibration_prompts(count: int) -> list[str]:
    """Take the first ``count`` of the calibration prompts, which are no study's own; all if there are fewer."""
    return PROMPTS_FILE.read_text(encoding="utf-8").split("\n")[:count]


def _settings(config: StudyConfig) -> Sampling:
    from quant.rendering.sampling import Sampling

    values = asdict(config.sampling)
    del values["seeds"]
    return Sampling(**values)


def _calibration_path(folder: Path) -> Path:
    return folder / "models" / "calibration.safetensors"


def calibrated(found: Calibration, most: int) -> str:
    """Say how a calibration went that may have taken fewer prompts than asked for."""
    how = "settled: the last made no layer's range grow by more than 1 %" if found.settled else "all prompts"
    return f"calibrated on {found.done} of {most} prompts, {len(found.sigmas)} steps, {found.precision}; {how}"


def up_to_date(folder: Path, config: StudyConfig) -> bool:
    """Whether the manifest answers to the study's configuration and adapters; looks at no audio, loads no model."""
    try:
        manifest = read_manifest(folder / "clips" / "manifest.json")
        adapters = adapter_facts([recorded(one) for one in adapters_of(folder, config)])
    except (ManifestError, ModelError):
        return False
    own = config.clips is not None
    conditions = rendered(config) if own else QUESTION_TYPES[config.scale.type].conditions(config.conditions)
    texts = {prompt.id: prompt.text for prompt in config.prompts}
    sampling = json.loads(json.dumps(asdict(config.sampling))) if config.model is not None else {}
    tested = [clip for clip in manifest.clips if clip.kind == TRIAL]
    return (
        manifest.model == (config.model or "")
        and manifest.sampling == sampling
        and (manifest.imported is not None) == own
        and all(manifest.variants.get(name, {}).items() >= settings_of(config, name).items() for name in conditions)
        and all(_adapters_in(manifest.variants[name]) == adapters for name in conditions)
        and {cell_of(clip) for clip in tested} == wanted_cells(config, manifest)
        and all(clip.prompt == texts[clip.prompt_id] for clip in tested)
        and all(clip.recipe for clip in manifest.clips if not clip.origin)
        and (manifest.foils is not None or own)
        and all((folder / "clips" / clip.file).is_file() for clip in manifest.clips)
    )


def _adapters_in(variant: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in variant.items() if key.startswith("adapter")}


class Pipeline:
    """One run over a study: its configuration, its model and the progress shown."""

    def __init__(self, folder: Path, config: StudyConfig, device: str = "cpu") -> None:
        from quant.model.devices import device_named

        model_name(folder, config)  # a study of own clips alone has none
        if not rendered(config):
            raise UsageError(
                f"{folder / 'study.yaml'}: conditions: none is a variant; add one, or remove model; known: "
                f"{', '.join(VARIANTS)}"
            )
        # What is calibrated, quantized and rendered are the conditions of the model.
        self.whole, self.config = config, replace(config, conditions=rendered(config))
        self.folder, self.device = folder, device_named(device)
        self.settings = _settings(config)
        self.prompts = calibration_prompts(config.calibration.prompts)
        self.quantized = [name for name in self.config.conditions if VARIANTS[name].scheme is not None]
        self.own: Found | None = None
        self.sounds: dict[str, Sound] = {}
        self._model: AudioModel | None = None

    @property
    def model(self) -> AudioModel:
        """The full-precision model, loaded when first needed."""
        from quant.rendering.sampling import check_sampler

        if self._model is None:
            self._model = self.fresh_model()
            check_sampler(self._model, self.settings)
        return self._model

    def taken_model(self) -> AudioModel:
        """Give the full-precision model to what changes it in place: two are never in memory.

        It is loaded anew when it is next needed.
        """
        model, self._model = self.model, None
        return model

    def fresh_model(self) -> AudioModel:
        """Load the full-precision model with its adapters."""
        from quant.model.loading import load_model

        adapters = adapters_of(self.folder, self.config)
        return load_model(model_name(self.folder, self.config), self.device, adapters)

    def check(self) -> None:
        """Refuse settings that would be left aside, and layers to keep that are none, before any work is done."""
        from quant.engine.convert import kept_layers
        from quant.engine.reference import linear_layers

        check_conditions(self.config)
        if self.quantized:
            kept_layers(linear_layers(self.model.dit), self.config.quantization.keep)

    def find_own(self) -> None:
        """List and look at the study's own clips, if it has any, before any work is done."""
        if self.whole.clips is None:
            return
        self.own = find_own(self.folder, self.whole, self.config.conditions)
        for note in self.own.plan.notes:
            print(f"note: {note}", file=sys.stderr)
        self.sounds = look_at_own(self.own)

    # --- calibrate --------------------------------------------------------------------------------

    def calibration_steps(self) -> int:
        """Denoising steps that calibration has to make."""
        return len(self.prompts) * self.settings.steps if self.quantized else 0

    def calibrate(self, progress: Progress) -> Calibration | None:
        """Bring ``models/calibration.safetensors`` up to date."""
        from quant.rendering.calibrate import calibrate

        if not self.quantized:
            return None
        progress.say("calibrating")
        seen, planned, estimate = 0, self.calibration_steps(), Estimate("calibrating")

        def advance(done: int, total: int) -> None:
            nonlocal seen, planned
            progress.expect(progress.total + total - planned)  # a large model takes fewer steps
            progress.advance(done - seen)
            estimate.look(done, total)
            seen, planned = done, total

        found = calibrate(self.model, self.prompts, self.settings, _calibration_path(self.folder), advance)
        if seen:
            progress.expect(progress.total + seen - planned)  # its ranges may have settled before the last prompt
            print(calibrated(found, len(self.prompts)), file=sys.stderr)
        else:
            progress.advance(planned)
        return found

    # --- quantize ---------------------------------------------------------------------------------

    def quantize(self, calibration: Calibration | None, progress: Progress) -> None:
        """Write the checkpoint of every quantized condition that has none of this calibration yet."""
        from quant.engine.checkpoint import save_checkpoint
        from quant.engine.convert import quantize_
        from quant.method.calibration import calibration_sha256
        from quant.model.memory import give_back

        if calibration is None:
            return
        sha256, alpha = calibration_sha256(_calibration_path(self.folder)), self.config.calibration.alpha
        made_of = {"model_sha256": self.model.sha256, "config_sha256": self.model.config_sha256}
        for condition in self.quantized:
            path, variant = checkpoint_path(self.folder, condition), variant_of(self.config, condition)
            if self._is_current(path, condition, made_of | {"calibration_sha256": sha256}):
                continue
            progress.say(f"quantizing {condition}")
            model = self.taken_model()
            engine: EngineName = self.config.quantization.engine
            quantize_(model, variant, calibration, alpha, engine)
            save_checkpoint(
                path, model, variant, alpha=alpha, engine=engine, calibration_sha256=sha256, made_by=__version__
            )
            del model  # before the next is loaded
            give_back()

    def _is_current(self, path: Path, condition: str, made_of: dict[str, str]) -> bool:
        from quant.engine.checkpoint import read_header
        from quant.errors import CheckpointError

        try:
            header = read_header(path)
        except CheckpointError:
            return False
        found = header | {"config_sha256": computed_sha256(header.get("model_config") or {})}
        wanted = made_of | {
            "variant": json.loads(json.dumps(asdict(variant_of(self.config, condition)))),
            "alpha": self.config.calibration.alpha,
            "engine": self.config.quantization.engine,
        }
        return all(found.get(key) == value for key, value in wanted.items())

    # --- render -----------------------------------------------------------------------------------

    def clip_steps(self) -> int:
        """Denoising steps of all clips."""
        clips = len(self.config.prompts) * len(self.config.sampling.seeds) * len(self.config.conditions)
        return clips * self.settings.steps

    def render(self, progress: Progress, cluster: str | None = None) -> RawClips:
        """Render every clip that is not there yet, here or on the Ray ``cluster`` at that address."""
        raw = RawClips(self.folder, self.config, self.model, self.settings, self.device)
        raw.render(progress, cluster)
        return raw

    # --- align and list ---------------------------------------------------------------------------

    def align(self, raw: RawClips) -> Manifest:
        """Bring the conditions of each prompt and seed to one loudness and write the clips and their manifest."""
        conditions = QUESTION_TYPES[self.config.scale.type].conditions(self.config.conditions)
        variants = {condition: raw.described(condition) for condition in conditions}
        if self.own is None:
            clips, facts = align_rendered(self.folder, self.config, raw), None
        else:
            clips, form = align_mixed(self.folder, self.whole, raw, self.own, self.sounds)
            own = [clip for clip in clips if clip.origin and clip.kind == TRIAL]
            variants = variants | described(own, self.own.plan.anchors)
            facts = imported(self.whole, form)
        manifest = Manifest(
            study=self.config.name,
            model=self.config.model or "",
            earmark=__version__,
            sampling=json.loads(json.dumps(asdict(self.config.sampling))),
            variants=variants,
            clips=tuple(clips),
            foils=foils_of(self.config),
            beyond_training=beyond_training(self.model.config, self.settings.seconds),
            imported=facts,
        )
        write_manifest(self.folder / "clips" / "manifest.json", manifest)
        kept = {clip.file for clip in clips}
        for stale in (self.folder / "clips").glob("*.flac"):
            if stale.name not in kept:
                stale.unlink()
        return manifest


def _run(pipeline: Pipeline, total: Callable[[Pipeline], int], work: Callable[[Pipeline, Progress], T]) -> T:
    with Progress(pipeline.folder, total(pipeline)) as progress:
        pipeline.check()
        return work(pipeline, progress)


def calibrate_study(folder: Path, config: StudyConfig, device: str = "cpu") -> Path | None:
    """Calibrate a study's model; None if no condition needs it."""
    found = _run(Pipeline(folder, config, device), Pipeline.calibration_steps, Pipeline.calibrate)
    return _calibration_path(folder) if found else None


def quantize_study(folder: Path, config: StudyConfig, device: str = "cpu") -> list[Path]:
    """Make the checkpoint of every quantized condition, calibrating first where that is not done."""
    _run(
        Pipeline(folder, config, device),
        Pipeline.calibration_steps,
        lambda run, progress: run.quantize(run.calibrate(progress), progress),
    )
    return [checkpoint_path(folder, name) for name in config.conditions if VARIANTS[name].scheme is not None]


def generate_study(
    folder: Path, config: StudyConfig, fresh: bool = False, device: str = "cpu", cluster: str | None = None
) -> Manifest:
    """Render a study's clips, doing before whatever is missing; ``fresh`` renders those again that are there.

    They are rendered on ``device``, or on the Ray ``cluster`` at that address (``local`` starts one).
    """

    def work(run: Pipeline, progress: Progress) -> Manifest:
        if fresh:
            shutil.rmtree(folder / "clips" / "raw", ignore_errors=True)
        run.find_own()
        run.quantize(run.calibrate(progress), progress)
        manifest = run.align(run.render(progress, cluster))
        progress.say(f"{len(manifest.clips)} clips ready")
        return manifest

    return _run(Pipeline(folder, config, device), lambda run: run.calibration_steps() + run.clip_steps(), work)
