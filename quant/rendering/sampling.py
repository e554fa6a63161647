"""Sampling a latent for a prompt through stable-audio-tools' samplers, the same noise on every device.

All noise is drawn on the CPU. On a GPU nothing in the loop waits for it: the noise levels stay on the CPU, where a
sampler compares them, the state stays on the GPU, and what the network is asked next is known before it is asked.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from quant.errors import SamplingError
from quant.method.timesteps import STEP_NAME
from quant.model import upstream
from quant.model.loading import AudioModel
from quant.rendering.length import trained_seconds
from quant.rendering.numbers import Watch

# Samplers by objective, as the library names them.
SAMPLERS: dict[str, tuple[str, ...]] = {
    "v": ("dpmpp-3m-sde", "dpmpp-2m-sde", "dpmpp-2m", "k-heun", "k-lms"),
    "rectified_flow": ("euler", "rk4", "dpmpp"),
    "rf_denoiser": ("pingpong", "euler", "rk4", "dpmpp"),
}


@dataclass(frozen=True)
class Sampling:
    """Settings of the sampler; the defaults are the paper's (section 3), for who samples without a study.

    A study has the same (``survey`` knows nothing of this package, nor this of it): a test holds them equal.

    ``sigma_min`` and ``sigma_max`` are noise levels of the v objective; rectified-flow models have their own schedule.
    ``seconds`` is the length of the clip.

    Examples
    --------
    >>> Sampling(steps=20).sampler
    'dpmpp-3m-sde'
    """

    sampler: str = "dpmpp-3m-sde"
    steps: int = 100
    cfg_scale: float = 7.0
    sigma_min: float = 0.3
    sigma_max: float = 500.0
    seconds: float = 10.0


def paper_settings(model: AudioModel) -> Sampling:
    """The paper's settings for the v objective; eight steps of the model's own sampler for rectified flow.

    Clips are ten seconds long, or as long as those that the model was trained on, if these are shorter.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> paper_settings(model).steps
    100
    """
    paper = Sampling()
    seconds = min(paper.seconds, trained_seconds(model.config))
    if model.objective == "v":
        return replace(paper, seconds=seconds)
    return replace(paper, sampler=SAMPLERS[model.objective][0], steps=8, cfg_scale=1.0, seconds=seconds)


def initial_noise(model: AudioModel, seed: int, seconds: float) -> Tensor:
    """Standard normal noise (1, channels, frames) of a seed, drawn on the CPU, so that every device gets the same.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> torch.equal(initial_noise(model, 7, 1.0), initial_noise(model, 7, 1.0))
    True
    """
    shape = (1, model.latent_channels, model.latent_frames(seconds))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def check_sampler(model: AudioModel, settings: Sampling) -> None:
    """Refuse a sampler that does not serve the model's objective.

    Raises
    ------
    SamplingError
        With the samplers that do.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> check_sampler(model, Sampling())  # serves the model: nothing happens
    """
    allowed = SAMPLERS.get(model.objective, ())
    if settings.sampler not in allowed:
        raise SamplingError(
            f"sampling.sampler: {settings.sampler} does not work with {model.name}, "
            f"whose objective is {model.objective}; choose from {', '.join(allowed)}"
        )


class Network(Protocol):
    """What a sampler asks: the DiT with guidance, of x (batch, channels, frames) and t (batch,).

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> def still(x, t, time, **conditioning):
    ...     return torch.zeros_like(x)
    >>> network: Network = still
    >>> settings = Sampling(steps=2, seconds=1.0)
    >>> sample(load_model("mini"), "rain", 7, settings, network=network).shape
    torch.Size([1, 64, 12])
    """

    def __call__(self, x: Tensor, t: Tensor, time: Tensor, **conditioning: Any) -> Tensor:
        """Answer with a velocity like x. ``time`` (1,) is what ``t`` holds, on the CPU."""


def sample(
    model: AudioModel,
    prompt: str,
    seed: int,
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
    network: Network | None = None,
) -> Tensor:
    """Sample one latent (1, channels, frames) on the CPU.

    One clip at a time, so that a clip does not depend on what is rendered beside it.

    Parameters
    ----------
    progress
        Called after each step with (steps done, steps in all).
    network
        See :func:`sample_batch`.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> sample(model, "rain", 7, Sampling(steps=2, seconds=1.0)).shape
    torch.Size([1, 64, 12])
    """
    return sample_batch(model, [prompt], [seed], settings, progress, network)


@torch.no_grad()
def sample_batch(
    model: AudioModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
    network: Network | None = None,
) -> Tensor:
    """Sample a latent for each prompt, (prompts, channels, frames), on the CPU.

    Each latent starts from its own seed's noise; what a sampler draws on the way comes from the first seed.

    Parameters
    ----------
    network
        What answers in the DiT's place, on its device; the model's own forward pass if not given.

    Raises
    ------
    NumberError
        If the network, or the sampler, gives NaN or infinity: of which prompt, at which step and from which layer.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> sample_batch(model, ["rain", "a dog"], [7, 8], Sampling(steps=2, seconds=1.0)).shape
    torch.Size([2, 64, 12])
    """
    check_sampler(model, settings)
    device = next(model.dit.parameters()).device
    # Ping-pong draws its noise where its state is.
    home = torch.device("cpu") if settings.sampler == "pingpong" else device
    arguments = {
        "cfg_scale": settings.cfg_scale,
        "batch_cfg": True,
        "rescale_cfg": True,
        **model.condition(list(prompts), settings.seconds),
    }
    noise = torch.cat([initial_noise(model, seed, settings.seconds) for seed in seeds])
    step: Any = getattr(model.dit, STEP_NAME, None)
    if step is not None:
        step.begin()
    times = iter(denoising_times(model, settings) if network else ())
    watch, done = Watch(model, prompts, seeds, settings.steps), 0

    def network_at_home(x: Tensor, t: Tensor, **conditioning: Any) -> Tensor:
        x, t = x.to(device), t.to(device)
        if network is None:
            with upstream.quietly():
                out = model.wrapper.model(x, t, use_checkpointing=False, **conditioning)
        else:
            out = network(x, t, next(times), **conditioning)
        out = out.float()
        watch.answer(done + 1, x, t, conditioning, out)
        return out.to(home)

    def callback(_: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        progress(done, settings.steps)

    # The samplers take their noise, or the seed of their Brownian tree, from torch's global generator, which is put
    # back afterwards.
    with torch.random.fork_rng(devices=[home] if home.type == "cuda" else []):
        torch.manual_seed(seeds[0])
        # Past the draws that the initial noise is made of, as in the library: a sampler's noise must not repeat it.
        torch.randn_like(noise)
        latents = _integrate(model, network_at_home, noise, home, settings, callback, arguments).cpu()
    watch.latents(latents)
    return latents


def denoising_times(model: AudioModel, settings: Sampling) -> list[Tensor]:
    """The DiT's time input (1,) of each of its calls, in order, on the CPU: a run in which the network is silent.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> len(denoising_times(model, Sampling(steps=4)))
    4
    """
    times: list[Tensor] = []

    def silent(x: Tensor, t: Tensor, **_: Any) -> Tensor:
        times.append(t[:1])
        return torch.zeros_like(x)

    still = torch.zeros(1, 1, model.latent_frames(settings.seconds))
    with torch.random.fork_rng(devices=[]):
        _integrate(model, silent, still, still.device, settings, lambda _: None, {}, still=True)
    return times


def _integrate(
    model: AudioModel,
    network: Callable[..., Tensor],
    noise: Tensor,
    home: torch.device,
    settings: Sampling,
    callback: Callable[[dict[str, Any]], None],
    arguments: dict[str, Any],
    still: bool = False,
) -> Tensor:
    """Run the sampler with its state on ``home``; without noise on the way if ``still``."""
    # The library shows a bar of its own; ours is the caller's.
    with contextlib.redirect_stderr(io.StringIO()):
        if model.objective != "v":
            library = upstream.stable_audio_tools("inference.sampling")
            return library.sample_rf(
                network,
                noise.to(home),
                steps=settings.steps,
                sampler_type=settings.sampler,
                device=home,
                callback=callback,
                dist_shift=model.wrapper.dist_shift,
                **arguments,
            )
        # As the library's sample_k, which leaves the noise on the way to the device that the state is on.
        k = upstream.k_diffusion("sampling")
        denoiser = upstream.k_diffusion("external").VDenoiser(network)
        sigmas = _noise_levels(settings)
        options: dict[str, Any] = {}
        if settings.sampler.endswith("sde"):
            drawn = iter(() if still else _noise_on_the_way(_entropy(), tuple(noise.shape), tuple(sigmas.tolist())))
            options["noise_sampler"] = lambda sigma, sigma_next: _send(next(drawn), home) if not still else 0.0
        run = getattr(k, f"sample_{settings.sampler.removeprefix('k-').replace('-', '_')}")
        start = (noise * sigmas[0]).to(home)
        return run(denoiser, start, sigmas, arguments, callback=callback, disable=True, **options)


def draw_ahead(model: AudioModel, seed: int, settings: Sampling) -> None:
    """Draw what a stochastic sampler will ask for on the way of a clip, so that it is kept for that.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> draw_ahead(load_model("mini"), 7, Sampling(steps=2, seconds=1.0))  # nothing is to be seen of it
    """
    if not settings.sampler.endswith("sde"):
        return
    noise = initial_noise(model, seed, settings.seconds)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.randn_like(noise)
        _noise_on_the_way(_entropy(), tuple(noise.shape), tuple(_noise_levels(settings).tolist()))


def _entropy() -> int:
    """Draw the seed of a Brownian tree where the library would."""
    return int(torch.randint(0, 2**63 - 1, []))


def _noise_levels(settings: Sampling) -> Tensor:
    levels: Tensor = upstream.k_diffusion("sampling").get_sigmas_polyexponential(
        settings.steps, settings.sigma_min, settings.sigma_max, 1.0, "cpu"
    )
    return levels


KEPT_NOISE = 8
"""Seeds whose noise on the way is kept: 3 MB each for a clip of the embedded model."""


@functools.lru_cache(maxsize=KEPT_NOISE)
def _noise_on_the_way(entropy: int, shape: tuple[int, ...], sigmas: tuple[float, ...]) -> tuple[Tensor, ...]:
    """The noise of each step of a stochastic sampler, from a Brownian tree as in k-diffusion.

    Kept for the next clip of the same seed, which all conditions share: drawing takes some milliseconds a step.
    """
    levels = torch.tensor(sigmas)
    tree = upstream.k_diffusion("sampling").BrownianTreeNoiseSampler(
        torch.zeros(shape), levels[levels > 0].min(), levels.max(), seed=entropy
    )
    warnings.filterwarnings("ignore", "Should have t[ab]", module="torchsde")  # it warns of a level's last bit
    return tuple(tree(level, following) for level, following in itertools.pairwise(levels) if following > 0)


def _send(value: Tensor, device: torch.device) -> Tensor:
    """Copy from the CPU without waiting for what the device is doing."""
    return value.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else value
