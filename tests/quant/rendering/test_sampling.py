"""Sampling: a seed is a clip, every condition gets the same noise, and nothing else in the process moves."""

from __future__ import annotations

import contextlib
import random
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import CHANNELS, QUICK, RATIO, SAMPLER_OF, SECONDS, fresh, inputs_of, one_line
from torch import Tensor

from quant.engine.convert import quantize_
from quant.errors import SamplingError
from quant.method.calibration import read_calibration
from quant.method.variants import VARIANTS
from quant.model import upstream
from quant.model.loading import AudioModel
from quant.rendering.sampling import SAMPLERS, Sampling, check_sampler, denoising_times, initial_noise, sample
from survey import StudyConfig

EVERY = [(objective, sampler) for objective, samplers in SAMPLERS.items() for sampler in samplers]


def quick(sampler: str) -> Sampling:
    return replace(QUICK, sampler=sampler)


def test_defaults_are_the_papers() -> None:
    assert Sampling() == Sampling(
        sampler="dpmpp-3m-sde", steps=100, cfg_scale=7.0, sigma_min=0.3, sigma_max=500.0, seconds=10.0
    )


def test_a_study_has_the_same_defaults() -> None:
    """They are stated twice, in packages that may not import each other."""
    (study,) = (field.default_factory for field in fields(StudyConfig) if field.name == "sampling")
    values = asdict(study())
    del values["seeds"]
    assert Sampling(**values) == Sampling()


@pytest.mark.parametrize(("objective", "sampler"), EVERY)
def test_every_sampler_runs_and_tells_each_step(loaded: dict[str, AudioModel], objective: str, sampler: str) -> None:
    calls: list[tuple[int, int]] = []
    latent = sample(loaded[objective], "rain", 5, quick(sampler), lambda *call: calls.append(call))
    assert latent.shape == (1, CHANNELS, 63)
    assert latent.dtype == torch.float32
    assert bool(latent.isfinite().all())
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("objective", "sampler"), EVERY)
def test_latent_is_what_the_librarys_own_generation_makes(
    loaded: dict[str, AudioModel], objective: str, sampler: str, seed: int
) -> None:
    model, seed = loaded[objective], seed % 2**31
    library = upstream.stable_audio_tools("inference.generation")
    ranges = {"sigma_min": QUICK.sigma_min, "sigma_max": QUICK.sigma_max} if objective == "v" else {}
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(None):
        expected = library.generate_diffusion_cond(
            model.wrapper,
            steps=QUICK.steps,
            cfg_scale=QUICK.cfg_scale,
            conditioning=[{"prompt": "rain", "seconds_start": 0, "seconds_total": SECONDS}],
            sample_size=63 * RATIO,
            seed=seed,
            device="cpu",
            return_latents=True,
            sampler_type=sampler,
            **ranges,
        )
    assert torch.equal(sample(model, "rain", seed, quick(sampler)), expected)


@pytest.mark.parametrize(("objective", "sampler"), EVERY)
def test_times_are_known_before_the_network_is_asked(
    loaded: dict[str, AudioModel], objective: str, sampler: str, seed: int
) -> None:
    model, settings = loaded[objective], replace(quick(sampler), steps=7)
    torch.manual_seed(seed)
    state = torch.get_rng_state()
    times = denoising_times(model, settings)
    assert torch.equal(torch.get_rng_state(), state)
    with inputs_of(model) as calls:
        expected = sample(model, "rain", 5, settings)
    assert [float(time) for time in times] == [float(t) for _, t in calls]
    told: list[float] = []

    def network(x: Tensor, t: Tensor, time: Tensor, **conditioning: Any) -> Tensor:
        told.append(float(time))
        assert torch.equal(t, time)
        out: Tensor = model.wrapper.model(x, t, use_checkpointing=False, **conditioning)
        return out

    assert torch.equal(sample(model, "rain", 5, settings, network=network), expected)
    assert told == [float(time) for time in times]


@pytest.mark.parametrize("objective", list(SAMPLERS))
def test_seed_and_prompt_decide_the_latent(loaded: dict[str, AudioModel], objective: str) -> None:
    model, settings = loaded[objective], quick(SAMPLER_OF[objective])
    first = sample(model, "rain", 5, settings)
    assert torch.equal(sample(model, "rain", 5, settings), first)
    assert not torch.equal(sample(model, "rain", 6, settings), first)
    assert not torch.equal(sample(model, "hail", 5, settings), first)
    # What was sampled before, or drawn by the caller, does not matter.
    torch.rand(100)
    assert torch.equal(sample(model, "rain", 5, settings), first)


@pytest.mark.parametrize("objective", list(SAMPLERS))
def test_random_state_of_the_process_is_untouched(loaded: dict[str, AudioModel], objective: str) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    sample(loaded[objective], "rain", 5, quick(SAMPLER_OF[objective]))
    initial_noise(loaded[objective], 5, SECONDS)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]  # type: ignore[index]


def test_initial_noise_is_standard_normal_and_the_seeds_own(loaded: dict[str, AudioModel], seed: int) -> None:
    noise = initial_noise(loaded["v"], seed, 20.0)
    assert noise.shape == (1, CHANNELS, 5000)
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    assert torch.equal(noise, initial_noise(loaded["v"], seed, 20.0))
    assert not torch.equal(noise, initial_noise(loaded["v"], seed + 1, 20.0))


def test_every_condition_starts_from_the_same_noise(
    loaded: dict[str, AudioModel], folders: dict[str, Path], calibration_file: Path
) -> None:
    received = []
    for variant in VARIANTS.values():
        model = fresh(folders["v"])
        quantize_(model, variant, read_calibration(calibration_file))
        with inputs_of(model) as calls:
            sample(model, "rain", 1000, QUICK)
        received.append(calls)
    for calls in received[1:]:
        assert torch.equal(calls[0][0], received[0][0][0])
        assert [float(t[0]) for _, t in calls] == [float(t[0]) for _, t in received[0]]
        # The second step's input holds the network's first answer, in which the conditions differ.
        assert not torch.equal(calls[1][0], received[0][1][0])


def test_every_condition_gets_the_same_noise_on_the_way(folders: dict[str, Path], calibration_file: Path) -> None:
    """With an output projection of zero the network says nothing: the latent is the sampler's noise alone."""
    latents = []
    for variant in VARIANTS.values():
        model = fresh(folders["v"])
        quantize_(model, variant, read_calibration(calibration_file))
        model.dit.transformer.project_out.weight.zero_()  # type: ignore[operator, union-attr]
        latents.append(sample(model, "rain", 1000, QUICK))
    assert all(torch.equal(latent, latents[0]) for latent in latents)
    assert float(latents[0].std()) > 0
    assert not torch.equal(sample(model, "rain", 1001, QUICK), latents[0])


def test_noise_on_the_way_does_not_repeat_the_initial_noise(folders: dict[str, Path], seed: int) -> None:
    """Ping-pong renews the noise at each step: with a silent network the second input is that noise, scaled."""
    model = fresh(folders["rf_denoiser"])
    model.dit.transformer.project_out.weight.zero_()  # type: ignore[operator, union-attr]
    with inputs_of(model) as calls:
        sample(model, "rain", seed, replace(quick("pingpong"), seconds=4.0))
    (first, _), (second, t), *_ = calls
    renewed = second - (1 - t[0]) * first
    assert abs(float(torch.corrcoef(torch.stack([first.flatten(), renewed.flatten()]))[0, 1])) < 0.1


def test_guidance_scale_matters_and_one_is_plain_prediction(loaded: dict[str, AudioModel]) -> None:
    latents = [sample(loaded["v"], "rain", 5, replace(QUICK, cfg_scale=scale)) for scale in (1.0, 4.0, 7.0)]
    assert not torch.equal(latents[0], latents[1])
    assert not torch.equal(latents[1], latents[2])


def test_noise_levels_of_the_settings_are_used(loaded: dict[str, AudioModel]) -> None:
    with inputs_of(loaded["v"]) as calls:
        sample(loaded["v"], "rain", 5, replace(QUICK, sigma_min=1.0, sigma_max=100.0, steps=3))
    sigmas = [float(torch.tan(t[0].double() * torch.pi / 2)) for _, t in calls]
    assert sigmas == pytest.approx([100, 10, 1], rel=1e-3)


@pytest.mark.parametrize(("objective", "sampler"), [("v", "euler"), ("rf_denoiser", "dpmpp-3m-sde"), ("v", "magic")])
def test_sampler_of_another_objective_is_refused(loaded: dict[str, AudioModel], objective: str, sampler: str) -> None:
    for refuse in (
        lambda: check_sampler(loaded[objective], quick(sampler)),
        lambda: sample(loaded[objective], "rain", 5, quick(sampler)),
    ):
        with pytest.raises(SamplingError) as caught:
            refuse()
        message = one_line(caught.value)
        assert message.startswith(f"sampling.sampler: {sampler} ")
        assert all(name in message for name in SAMPLERS[objective])


def test_samplers_bar_is_the_callers(loaded: dict[str, AudioModel], capfd: pytest.CaptureFixture[str]) -> None:
    sample(loaded["v"], "rain", 5, QUICK)
    captured = capfd.readouterr()
    assert "it/s" not in captured.err
    assert captured.out == ""


def test_interrupt_passes_through(loaded: dict[str, AudioModel]) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        sample(loaded["v"], "rain", 5, QUICK, stop)
    assert torch.equal(torch.get_rng_state(), state)
