"""A study's model under the magnifier: the paper's figures 1 to 3, and where quantization makes its error.

Imports torch: only the verb that needs it imports this file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.errors import UsageError
from app.progress import Progress
from app.verbs.clips.conditions import variant_of
from app.verbs.clips.pipeline import Pipeline
from quant.engine.convert import quantize_
from quant.engine.reference import linear_layers
from quant.files import write_atomically
from quant.inspect import plots
from quant.inspect.activations import (
    activation_map,
    activation_ranges,
    analysed_layers,
    smoothing_magnitudes,
    telling_layer,
)
from quant.inspect.sensitivity import (
    Frontier,
    Sensitivity,
    baseline_frontier,
    group_counts,
    group_frontier,
    kind_sensitivity,
    layer_block,
    layer_kind,
    layer_sensitivity,
    share_of_noise,
)
from quant.inspect.teacher import Teacher, overall, record_teacher, velocity_sqnr
from quant.method.calibration import Calibration
from quant.method.variants import PAPER, VARIANTS, Variant, variant_named
from quant.model.loading import AudioModel
from survey import StudyConfig
from survey.records import harmless

PROMPTS, CURVE, FEW = 2, 25, 6
"""Prompts of the study that are sampled, noise levels of the error's curve, and of the sweep over the layers."""


@dataclass
class Inspection:
    """What was found: SQNR in dB over all noise levels by variant, and its kinds of layer, what hurts most first."""

    out: Path
    adapters: tuple[dict[str, Any], ...] = ()
    errors: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, list[Sensitivity]] = field(default_factory=dict)

    def summary(self) -> Iterable[str]:
        """Say it in lines: the adapters in the model, one a variant, and one more with the kinds of layer."""
        for one in self.adapters:
            yield f"{one['file']}: merged into the model, strength {one['strength']:g}"
        for name, decibels in self.errors.items():
            yield f"{name:<16} {decibels:5.1f} dB from signal to error, over all noise levels"
        for name, kinds in self.kinds.items():
            shares = zip(kinds, share_of_noise(kinds), strict=True)
            yield f"{name}, share of the error: {', '.join(f'{kind.name} {share:.0%}' for kind, share in shares)}"


def inspected_variants(names: Sequence[str], config: StudyConfig) -> list[Variant]:
    """Choose the variants to inspect, with the study's own settings.

    Those named, else the study's quantized conditions, else all that the paper has.

    Raises
    ------
    UsageError
        If one named is full precision, with which the others are compared.
    VariantError
        If there is none of a name.
    """
    for name in names:
        if variant_named(name).scheme is None:
            raise UsageError(f"--variant: {name} is full precision, which all others are compared with; name another")
    chosen = names or [name for name in config.conditions if _quantized(name)] or [*filter(_quantized, PAPER)]
    return [variant_of(config, name) for name in dict.fromkeys(chosen)]


def _quantized(name: str) -> bool:
    return name in VARIANTS and VARIANTS[name].scheme is not None


def inspect_study(
    folder: Path, config: StudyConfig, out: Path, names: Sequence[str], layers: bool, device: str = "cpu"
) -> Inspection:
    """Calibrate a study's model where that is not done, and write figures and tables into ``out``.

    Parameters
    ----------
    names
        Variants to inspect; see :func:`inspected_variants`.
    layers
        Whether each layer is quantized alone too, which is long work on a large model.

    Raises
    ------
    UsageError
        If ``out`` cannot be written.
    """
    variants = inspected_variants(names, config)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another with -o") from error
    run = Pipeline(folder, config, device)
    run.quantized = [variant.name for variant in variants]
    texts = [prompt.text for prompt in config.prompts[:PROMPTS]]
    first = run.calibration_steps() + len(texts) * run.settings.steps
    model = run.model
    with Progress(folder, first) as progress:
        calibration = run.calibrate(progress)
        assert calibration is not None
        progress.say("sampling in full precision")
        teacher = record_teacher(
            model, texts, run.settings, config.sampling.seeds[0], lambda done, total: progress.advance(1)
        )
        work = _Work(run, model, calibration, teacher, progress, Inspection(out, model.adapters))
        progress.expect(first + work.calls(variants, layers))
        work.activations()
        work.errors(variants)
        work.groups(variants)
        for variant in variants if layers else ():
            work.layers(variant)
        progress.say("inspected")
    return work.found


@dataclass
class _Work:
    """What the parts of one inspection share."""

    run: Pipeline
    model: AudioModel
    calibration: Calibration
    teacher: Teacher
    progress: Progress
    found: Inspection

    @property
    def alpha(self) -> float | None:
        return self.run.config.calibration.alpha

    def calls(self, variants: Sequence[Variant], layers: bool) -> int:
        """Count the calls of the DiT that are still to come."""
        walks = 1 + sum(len(self._counts(variant)) for variant in variants)
        sweep = len(linear_layers(self.model.dit)) * self.teacher.spread(FEW).calls if layers else 0
        curve = self.teacher.spread(CURVE).calls
        return walks * self.teacher.first_run().calls + len(variants) * (curve + sweep)

    def _counts(self, variant: Variant) -> list[int]:
        return group_counts(len(self.calibration.sigmas)) if variant.scheme == "dynamic" else [1]

    def _fresh(self) -> AudioModel:
        return self.run.fresh_model()

    # --- the parts --------------------------------------------------------------------------------

    def activations(self) -> None:
        """Figures 1 to 3: the last block halfway, as the paper, its hardest layer; and the first block's ranges."""
        self.progress.say("activations")
        blocks = analysed_layers(self.calibration)
        step = len(self.calibration.sigmas) // 2
        layer = telling_layer(self.calibration, blocks[max(blocks)], step)

        # A large model is calibrated in fewer steps than it is sampled in.
        nearest = int((self.teacher.sigmas.log() - self.calibration.sigmas[step].log()).abs().argmin())
        seen = activation_map(self.model.dit, self.teacher, layer, nearest)
        self._draw("activation-map", plots.map_figure(seen))
        header = ["layer", "sigma", "token", *range(seen.magnitudes.shape[1])]
        rows = ([layer, seen.sigma, token, *row] for token, row in enumerate(seen.magnitudes.tolist()))
        self._table("activation-map", header, rows)

        ranges = activation_ranges(self.calibration, blocks[min(blocks)])
        self._draw("activation-range", plots.ranges_figure(ranges))
        ends = ("low", "high", "median_low", "median_high")
        self._table(
            "activation-range",
            ["layer", "step", "sigma", *ends],
            (
                [one.layer, number, *values]
                for one in ranges
                for number, values in enumerate(
                    zip(*(getattr(one, key).tolist() for key in ("sigmas", *ends)), strict=True), start=1
                )
            ),
        )

        strength = 0.5 if self.alpha is None else self.alpha
        sizes = smoothing_magnitudes(self.model.dit, self.calibration, layer, step, strength)
        self._draw("smoothing", plots.smoothing_figure(sizes))
        columns = ("activation", "weight", "smoothed_activation", "smoothed_weight")
        values = zip(*(getattr(sizes, column).tolist() for column in columns), strict=True)
        self._table(
            "smoothing",
            ["layer", "sigma", "channel", *columns],
            ([layer, sizes.sigma, channel, *row] for channel, row in enumerate(values)),
        )

    def errors(self, variants: Sequence[Variant]) -> None:
        """Measure each variant's SQNR against full precision on the same inputs."""
        curves, teacher = {}, self.teacher.spread(CURVE)
        for variant in variants:
            self.progress.say(f"error of {variant.name}")
            model = self._fresh()
            quantize_(model, variant, self.calibration, self.alpha, self.run.config.quantization.engine)
            curves[variant.name] = velocity_sqnr(model.dit, teacher, self.progress.advance)
            del model
        self.found.errors = {name: overall(curve) for name, curve in curves.items()}
        self._draw("velocity-error", plots.error_figure(teacher.sigmas, curves))
        self._table(
            "velocity-error",
            ["variant", "sigma", "sqnr_db", "overall_db"],
            (
                [name, sigma, value, self.found.errors[name]]
                for name, curve in curves.items()
                for sigma, value in zip(teacher.sigmas.tolist(), curve.tolist(), strict=True)
            ),
        )

    def groups(self, variants: Sequence[Variant]) -> None:
        """Measure error, bytes and time against the number of groups of timesteps."""
        teacher = self.teacher.first_run()
        self.progress.say("time of full precision")
        points: list[Frontier] = [baseline_frontier(self.model, teacher, self.progress.advance)]
        for variant in variants:
            self.progress.say(f"groups of {variant.name}")
            points += group_frontier(
                self._fresh, self.calibration, variant, teacher, self._counts(variant), self.alpha,
                self.progress.advance,
            )  # fmt: skip
        self._draw("groups", plots.frontier_figure(points))
        self._table(
            "groups",
            ["variant", "groups", "sqnr_db", "memory_bytes", "disk_bytes", "milliseconds_per_step"],
            ([p.variant, p.groups, overall(p.sqnr), p.memory, p.disk, p.milliseconds] for p in points),
        )

    def layers(self, variant: Variant) -> None:
        """Rank the layers, and the kinds of layer, by what quantizing each alone does."""
        self.progress.say(f"layers of {variant.name}")
        teacher = self.teacher.spread(FEW)
        found = layer_sensitivity(
            self.model, self.calibration, variant, teacher, self.alpha, self.progress.advance
        )  # fmt: skip
        kinds = self.found.kinds[variant.name] = kind_sensitivity(found)
        name = f"sensitivity-{variant.name}"
        self._draw(name, plots.sensitivity_figure(variant.name, teacher.sigmas, found))
        levels = [f"sqnr_db_at_sigma_{sigma:.3g}" for sigma in teacher.sigmas.tolist()]

        def rows(
            what: Sequence[Sensitivity], facts: Callable[[Sensitivity], list[object]]
        ) -> Iterable[Sequence[object]]:
            for rank, (one, share) in enumerate(zip(what, share_of_noise(what), strict=True), start=1):
                yield [rank, one.name, *facts(one), one.weights, overall(one.sqnr), share, *one.sqnr.tolist()]

        figures = ["weights", "sqnr_db", "share_of_noise", *levels]
        self._table(
            name,
            ["rank", "layer", "kind", "block", *figures],
            rows(found, lambda one: [layer_kind(one.name), layer_block(one.name) + 1]),
        )
        self._table(f"{name}-kinds", ["rank", "kind", "layers", *figures], rows(kinds, lambda one: [one.layers]))

    # --- files ------------------------------------------------------------------------------------

    def _draw(self, name: str, figure: Any) -> None:
        for suffix, data in (("png", plots.png(figure)), ("svg", plots.svg(figure))):
            write_atomically(self.found.out / f"{name}.{suffix}", partial(Path.write_bytes, data=data))

    def _table(self, name: str, header: Sequence[object], rows: Iterable[Sequence[object]]) -> None:
        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                # Eight significant digits: no float32 is blurred.
                writer.writerows([f"{v:.8g}" if isinstance(v, float) else harmless(v) for v in row] for row in rows)

        write_atomically(self.found.out / f"{name}.csv", write)
