"""The clips of a study as its models give them: rendered here or on a cluster, each beside a note of what rendered it.

They are kept under a hash of what they depend on (:class:`quant.rendering.recipe.Recipe`), so that what is there
is not rendered again. A study's clips are rendered in one way: on one kind of device, by one version.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.errors import UsageError
from app.progress import Progress
from app.verbs.clips.cluster import Took, took_of
from app.verbs.clips.conditions import adapter_facts, adapters_of, checkpoint_path, model_name, settings_of
from quant.method.variants import variant_named
from survey import StudyConfig
from survey.clips.recipes import DIFFERENT, Alike
from survey.trials.questions import ANCHOR

if TYPE_CHECKING:
    from quant.model.loading import AudioModel
    from quant.rendering.clips import Samples
    from quant.rendering.sampling import Sampling


class RawClips:
    """A study's clips before their loudness is aligned; ``source`` is its full-precision model."""

    def __init__(
        self, folder: Path, config: StudyConfig, source: AudioModel, settings: Sampling, device: str = "cpu"
    ) -> None:
        from quant.files import file_sha256

        self.folder, self.config, self.source, self.settings, self.device = folder, config, source, settings, device
        self.checkpoints = {
            name: file_sha256(checkpoint_path(folder, name)) if variant_named(name).scheme is not None else None
            for name in config.conditions
        }
        self._alike = Alike()

    def cells(self) -> Iterator[tuple[str, str, int]]:
        """Yield (prompt id, prompt, seed) of every group of clips that differ by condition alone."""
        for prompt in self.config.prompts:
            for seed in self.config.sampling.seeds:
                yield prompt.id, prompt.text, seed

    def path(self, condition: str, prompt: str, seed: int) -> Path:
        """Where a clip is, or will be."""
        return self._path(condition, prompt, seed)

    def read(self, condition: str, prompt: str, seed: int) -> tuple[Samples, int]:
        """Read a clip, (samples, channels), and its sample rate."""
        from quant.rendering.clips import read_flac

        return read_flac(self._path(condition, prompt, seed))

    def made_by(self, condition: str, prompt: str, seed: int) -> dict[str, str]:
        """Say what rendered a clip; nothing if it has no note."""
        return _read_note(self._path(condition, prompt, seed))

    def described(self, condition: str) -> dict[str, Any]:
        """Say how a condition is computed and from which files, as the manifest holds it."""
        from quant.engine.checkpoint import read_header
        from quant.rendering.anchor import ANCHOR_PASS

        facts: dict[str, Any] = settings_of(self.config, condition)
        if self.checkpoints.get(condition) is not None:
            path = checkpoint_path(self.folder, condition)
            facts["checkpoint"] = path.relative_to(self.folder).as_posix()
            facts["checkpoint_sha256"] = self.checkpoints[condition]
            header = read_header(path)
            facts["calibration_sha256"] = header["calibration_sha256"]
            if wide := header.get("float32"):
                facts["float32"] = wide
        if condition == ANCHOR:
            facts["low_pass_hz"] = ANCHOR_PASS
        return facts | adapter_facts(self.source.adapters) | {"model_sha256": self.source.sha256}

    def render(self, progress: Progress, cluster: str | None = None) -> None:
        """Render every clip that is not there yet, here or on the Ray ``cluster`` at that address.

        Raises
        ------
        UsageError
            If clips that are there were rendered otherwise than those to come.
        """
        todo: dict[str, list[tuple[int, str, str, int]]] = {}
        for condition in self.config.conditions:
            for number, (prompt_id, prompt, seed) in enumerate(self.cells(), start=1):
                path = self._path(condition, prompt, seed)
                if path.is_file():
                    self._admit(condition, f"{prompt_id}.{condition}.{seed}", _read_note(path))
                    progress.advance(self.settings.steps)
                else:
                    todo.setdefault(condition, []).append((number, prompt_id, prompt, seed))
        if cluster is not None:
            self._render_there(todo, progress, cluster)
        else:
            self._render_here(todo, progress)

    def _render_here(self, todo: dict[str, list[tuple[int, str, str, int]]], progress: Progress) -> None:
        from quant.rendering.clips import encode_flac, render_each
        from quant.rendering.recipe import environment

        notes = {name: environment(self.device, self._engine(name), __version__) for name in todo}
        for condition, note in notes.items():
            self._admit(condition, "", note)
        for condition, clips in todo.items():
            model = self._load(condition)
            numbers, ids, prompts, seeds = zip(*clips, strict=True)
            names = [f"{prompt_id}.{condition}.{seed}" for prompt_id, seed in zip(ids, seeds, strict=True)]
            progress.say(f"{condition}, clip {numbers[0]}")
            made = render_each(model, prompts, seeds, self.settings, lambda done, total: progress.advance(1), names)
            with contextlib.closing(made):
                for following, one in enumerate(made, start=1):
                    clip = encode_flac(one.samples, model.sample_rate)
                    took = took_of(one)
                    self._keep(condition, prompts[one.index], seeds[one.index], clip, notes[condition], took)
                    if following < len(numbers):
                        progress.say(f"{condition}, clip {numbers[following]}")

    def _render_there(self, todo: dict[str, list[tuple[int, str, str, int]]], progress: Progress, cluster: str) -> None:
        from app.verbs.clips.cluster import Job, render_on_cluster

        jobs = {}
        for condition, clips in todo.items():
            sha256 = self.checkpoints[condition]
            file = checkpoint_path(self.folder, condition).resolve() if sha256 else None
            name, adapters = (
                model_name(self.folder.resolve(), self.config),
                adapters_of(self.folder.resolve(), self.config),
            )
            for _, prompt_id, prompt, seed in clips:
                stimulus = f"{prompt_id}.{condition}.{seed}"
                source = (self.source.sha256, self.source.config_sha256)
                job = Job(stimulus, name, adapters, *source, file, sha256, prompt, seed, self.settings)
                jobs[job] = condition

        def finished(job: Job, clip: bytes, note: dict[str, str], took: Took) -> None:
            self._admit(jobs[job], job.stimulus, note)
            self._keep(jobs[job], job.prompt, job.seed, clip, note, took)
            progress.advance(self.settings.steps)

        progress.say(f"{len(jobs)} clips on the cluster")
        render_on_cluster(cluster, list(jobs), finished)

    def _load(self, condition: str) -> AudioModel:
        """Load what renders a condition; all but its quantized layers is the full-precision model itself."""
        from quant.engine.checkpoint import load_beside

        if self.checkpoints[condition] is None:
            return self.source
        return load_beside(checkpoint_path(self.folder, condition), self.source)[0]

    def _engine(self, condition: str) -> str | None:
        return None if self.checkpoints[condition] is None else self.config.quantization.engine

    def _path(self, condition: str, prompt: str, seed: int) -> Path:
        return self.folder / "clips" / "raw" / f"{self._recipe(condition, prompt, seed).key}.flac"

    def _recipe(self, condition: str, prompt: str, seed: int) -> Any:
        from quant.rendering.recipe import Recipe

        source = self.source
        return Recipe(source.sha256, self.checkpoints[condition], prompt, seed, self.settings, source.config_sha256)

    def _admit(self, condition: str, stimulus: str, note: dict[str, str]) -> None:
        """Refuse a clip that was not, or will not be, rendered as those before it."""
        difference = self._alike.difference(condition, note)
        if stimulus and not note:
            difference = "it does not say what rendered it, as clips of older versions do not"
        if difference:
            which = (
                f"{stimulus} {DIFFERENT}"
                if stimulus
                else ("the existing clips were rendered differently from how the rest would be")
            )
            raise UsageError(
                f"{self.folder}: {which} ({difference}); render as before, or all again with earmark generate --fresh"
            )

    def _keep(self, condition: str, prompt: str, seed: int, clip: bytes, note: dict[str, str], took: Took) -> None:
        """Write a clip, and before it the note of what rendered it, so that no clip is without one.

        How long it took is no part of what made it: clips are compared without.
        """
        from quant.files import write_atomically

        recipe = self._recipe(condition, prompt, seed)
        path = self._path(condition, prompt, seed)
        text = json.dumps({"clip": asdict(recipe), "rendered": note, "took": took}, indent=2, ensure_ascii=False)
        write_atomically(path.with_suffix(".json"), lambda temporary: temporary.write_text(text, encoding="utf-8"))
        write_atomically(path, lambda temporary: temporary.write_bytes(clip))


def _read_note(path: Path) -> dict[str, str]:
    """What rendered the clip at ``path``; nothing if that is not known."""
    try:
        note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["rendered"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {str(key): str(value) for key, value in note.items()} if isinstance(note, dict) else {}
