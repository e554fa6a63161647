"""Quantizing a model outside any study: a calibration beside the checkpoint that is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from app import __version__
from app.progress import Estimate
from app.verbs.clips.pipeline import calibrated, calibration_prompts
from quant.adapters.adapter import Adapter
from quant.method.variants import EngineName, Variant, check_engine


def quantize_model(
    name: str,
    adapters: Sequence[Adapter],
    variant: Variant,
    engine: EngineName,
    prompts: int,
    target: Path,
    device: str = "cpu",
    alpha: float | None = 0.5,
) -> None:
    """Calibrate and quantize a model, ``adapters`` merged into it, outside any study into the checkpoint ``target``.

    The calibration is kept beside it, named by the model's sha256, and serves every variant written there.
    """
    from quant.engine.checkpoint import save_checkpoint
    from quant.engine.convert import kept_layers, quantize_
    from quant.engine.reference import linear_layers
    from quant.method.calibration import calibration_sha256
    from quant.model.loading import load_model
    from quant.rendering.calibrate import calibrate
    from quant.rendering.sampling import paper_settings

    check_engine(variant, engine, alpha)
    model = load_model(name, device, adapters)
    kept_layers(linear_layers(model.dit), variant.keep)
    settings = paper_settings(model)
    path = target.parent / f"calibration-{model.sha256[:12]}.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    texts = calibration_prompts(prompts)
    with tqdm(total=len(texts) * settings.steps, unit="step", disable=not sys.stderr.isatty()) as bar:
        bar.set_description("calibrating")

        estimate = Estimate("calibrating")

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            estimate.look(done, total)

        calibration = calibrate(model, texts, settings, path, advance)
    print(calibrated(calibration, len(texts)), file=sys.stderr)
    with tqdm(unit="layer", disable=not sys.stderr.isatty()) as bar:
        bar.set_description(f"quantizing {variant.name}")

        def layers(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        quantize_(model, variant, calibration, alpha, engine, layers)
    save_checkpoint(
        target,
        model,
        variant,
        alpha=alpha,
        engine=engine,
        calibration_sha256=calibration_sha256(path),
        made_by=__version__,
    )
