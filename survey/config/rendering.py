"""Rendering: the model's adapters, how clips are sampled, and how the conditions are calibrated and quantized."""

from dataclasses import dataclass
from typing import Annotated, Literal

from survey.config.clips import NumberOr
from survey.values import CONFIG, DISTINCT, WORD, Limits, Truth, entries, text

Seed = Annotated[int, Limits(0, 2**32 - 1)]


@dataclass(frozen=True)
class Lora:
    """A LoRA or DoRA adapter that is merged into the model before anything is done with it."""

    __pydantic_config__ = CONFIG

    file: Annotated[str, text(1000)]
    """its file, or the folder that PEFT wrote; a relative path is looked up in the study first"""
    strength: Annotated[float, Limits(-10, 10)] = 1.0
    """how much of it is added: 1 as it was trained, 0 nothing"""


@dataclass(frozen=True)
class Sampling:
    """How clips are sampled."""

    __pydantic_config__ = CONFIG

    sampler: Annotated[
        Literal["dpmpp-3m-sde", "dpmpp-2m-sde", "dpmpp-2m", "k-heun", "k-lms", "euler", "rk4", "dpmpp", "pingpong"],
        WORD,
    ] = "dpmpp-3m-sde"
    """the last four are for rectified-flow models, the others for models of the v objective"""
    steps: Annotated[int, Limits(1, 1000)] = 100
    """steps of the sampler"""
    cfg_scale: Annotated[float, Limits(0, 100)] = 7.0
    """strength of classifier-free guidance"""
    sigma_min: Annotated[float, Limits(1e-4, 1e4)] = 0.3
    """the lowest noise level of the v objective"""
    sigma_max: Annotated[float, Limits(1e-4, 1e4)] = 500.0
    """the highest noise level"""
    seconds: Annotated[float, Limits(0.1, 600)] = 10.0
    """length of a clip"""
    seeds: Annotated[tuple[Seed, ...], entries(1), DISTINCT] = (1000,)
    """each prompt is rendered once a seed"""


@dataclass(frozen=True)
class Calibration:
    """How activation ranges are collected."""

    __pydantic_config__ = CONFIG

    prompts: Annotated[int, Limits(1, 64)] = 50
    """how many of Earmark's 64 calibration prompts are sampled"""
    alpha: Annotated[float | None, NumberOr("search", 0, 1)] = 0.5
    """strength of the smoothing; search: for each layer the one whose output errs least on samples of calibration"""
    range: Annotated[Literal["auto", "minmax", "mse"], WORD] = "auto"
    """how far the range of static conditions reaches: to the largest magnitude, or to least squared error on samples; \
auto: mse, in the reference engine minmax"""


@dataclass(frozen=True)
class Quantization:
    """How the conditions are quantized: the engine, and what dynamic variants and the low-rank branch leave open."""

    __pydantic_config__ = CONFIG

    engine: Annotated[Literal["integer", "reference"], WORD] = "integer"
    """integer: int8 products; reference: the paper's equations, simulated, slow"""
    groups: Annotated[int, Limits(1, 1000)] = 1
    """groups of timesteps that share smoothing factors, up to one a step"""
    lowrank: Annotated[Literal["auto", "outliers", "error", "weight"], WORD] = "auto"
    """what the low-rank branch carries: the products of outlier channels, the quantized weight's error, the weight \
itself; auto: outliers, in the reference engine error"""
    rounding: Annotated[Literal["auto", "nearest", "feedback"], WORD] = "auto"
    """how weights become codes: each the nearest, or with feedback, later weights making good what earlier ones lost; \
auto: feedback below 8 bits with groups 1, in the reference engine nearest"""
    rotate: Truth = False
    """rotate activations and weights after smoothing, with groups 1 in the integer engine"""
    keep: Annotated[tuple[Annotated[str, text(200)], ...], entries(), DISTINCT] = ()
    """layers that stay in 16 bits, named wholly or by their end, such as ff.2"""
