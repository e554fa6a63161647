"""Sampling a latent for a prompt through stable-audio-tools' samplers, the same noise on every device."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from quant import upstream
from quant.errors import SamplingError
from quant.models import AudioModel

# Samplers by objective, as the library names them.
SAMPLERS: dict[str, tuple[str, ...]] = {
    "v": ("dpmpp-3m-sde", "dpmpp-2m-sde", "dpmpp-2m", "k-heun", "k-lms"),
    "rectified_flow": ("euler", "rk4", "dpmpp"),
    "rf_denoiser": ("pingpong", "euler", "rk4", "dpmpp"),
}


@dataclass(frozen=True)
class Sampling:
    """Settings of the sampler; the defaults are the paper's (section 3).

    ``sigma_min`` and ``sigma_max`` are noise levels of the v objective; rectified-flow models have their own schedule.
    ``seconds`` is the length of the clip.
    """

    sampler: str = "dpmpp-3m-sde"
    steps: int = 100
    cfg_scale: float = 7.0
    sigma_min: float = 0.3
    sigma_max: float = 500.0
    seconds: float = 10.0


def paper_settings(model: AudioModel) -> Sampling:
    """The paper's settings for the v objective; eight steps of the model's own sampler for rectified flow."""
    if model.objective == "v":
        return Sampling()
    return Sampling(sampler=SAMPLERS[model.objective][0], steps=8, cfg_scale=1.0)


def initial_noise(model: AudioModel, seed: int, seconds: float) -> Tensor:
    """Standard normal noise (1, channels, frames) of a seed, drawn on the CPU, so that every device gets the same."""
    shape = (1, model.latent_channels, model.latent_frames(seconds))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def check_sampler(model: AudioModel, settings: Sampling) -> None:
    """Refuse a sampler that does not serve the model's objective.

    Raises
    ------
    SamplingError
        With the samplers that do.
    """
    allowed = SAMPLERS.get(model.objective, ())
    if settings.sampler not in allowed:
        raise SamplingError(
            f"sampling.sampler: {settings.sampler} does not serve {model.name}, "
            f"a model of objective {model.objective}; choose from {', '.join(allowed)}"
        )


def sample(
    model: AudioModel,
    prompt: str,
    seed: int,
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """Sample one latent (1, channels, frames) on the CPU.

    One clip at a time, so that a clip does not depend on what is rendered beside it.

    Parameters
    ----------
    progress
        Called after each step with (steps done, steps in all).
    """
    return sample_batch(model, [prompt], [seed], settings, progress)


@torch.no_grad()
def sample_batch(
    model: AudioModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """Sample a latent for each prompt, (prompts, channels, frames), on the CPU.

    The sampler's state and all of its noise live on the CPU; only the network's inputs travel to its device. Each
    latent starts from its own seed's noise; what a sampler draws on the way comes from the first seed.
    """
    check_sampler(model, settings)
    library = upstream.stable_audio_tools("inference.sampling")
    device = next(model.dit.parameters()).device
    conditioning = model.condition(list(prompts), settings.seconds)
    done = 0

    def network(x: Tensor, t: Tensor, **kwargs: Any) -> Tensor:
        out = model.wrapper.model(x.to(device), t.to(device), use_checkpointing=False, **kwargs)
        return out.float().cpu()

    def callback(_: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        progress(done, settings.steps)

    arguments = {"cfg_scale": settings.cfg_scale, "batch_cfg": True, "rescale_cfg": True, **conditioning}
    noise = torch.cat([initial_noise(model, seed, settings.seconds) for seed in seeds])
    # The library shows a bar of its own; ours is the caller's. Its samplers take their noise, or the seed of their
    # Brownian tree, from torch's global generator, which is put back afterwards.
    with contextlib.redirect_stderr(io.StringIO()), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds[0])
        # Past the draws that the initial noise is made of, as in the library: a sampler's noise must not repeat it.
        torch.randn_like(noise)
        if model.objective == "v":
            return library.sample_k(
                network,
                noise,
                steps=settings.steps,
                sampler_type=settings.sampler,
                sigma_min=settings.sigma_min,
                sigma_max=settings.sigma_max,
                device="cpu",
                callback=callback,
                **arguments,
            )
        return library.sample_rf(
            network,
            noise,
            steps=settings.steps,
            sampler_type=settings.sampler,
            device="cpu",
            callback=callback,
            dist_shift=model.wrapper.dist_shift,
            **arguments,
        )
