"""Tables of options name every option of the pinned library, and its defaults."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from quant.configuration.checking import UNETS
from quant.configuration.conditioning import SECONDS, TEXTS
from quant.configuration.options import LIBRARY
from quant.configuration.tables import (
    ATTENTION,
    AUTOENCODER,
    BOTTLENECKS,
    CONDITIONERS,
    DECODER_DEFAULTS,
    DEFAULTS,
    DIFFUSION,
    DIT,
    FEED_FORWARD,
    LOG_MEL,
    NORM,
    OOBLECK,
    PATCHED,
    PRETRANSFORM,
    REFUSED_CONDITIONERS,
    REFUSED_PRETRANSFORMS,
    SHIFT,
    T5_MODELS,
)
from quant.model import upstream


def library(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(upstream.stable_audio_tools(module), name)


def arguments(function: Callable[..., Any]) -> set[str]:
    """What a function or the constructor of a class can be given by name."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name for name, each in inspect.signature(function).parameters.items() if each.kind not in kinds}


def test_release_is_the_pinned_one() -> None:
    assert f"stable-audio-tools {importlib.metadata.version('stable-audio-tools')}" == LIBRARY


def test_every_option_of_the_transformer_is_known() -> None:
    names = ("models.dit.DiffusionTransformer", "models.transformer.ContinuousTransformer")
    taken = set().union(*(arguments(library(name)) for name in (*names, "models.transformer.TransformerBlock")))
    # The transformer of a DiT calls them otherwise, and nothing but the DiT hands them on.
    assert taken - {"dim", "zero_init_branch_outputs"} <= set(DIT)
    assert set(DIT) <= taken


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("models.transformer.Attention", ATTENTION),
        ("models.transformer.FeedForward", FEED_FORWARD),
        ("models.transformer.LayerNorm", NORM),
        ("inference.sampling.DistributionShift", SHIFT),
        ("models.autoencoders.OobleckEncoder", OOBLECK["encoder"]),
        ("models.autoencoders.OobleckDecoder", OOBLECK["decoder"]),
        ("models.pretransforms.PatchedPretransform", PATCHED),
        ("models.bottleneck.TanhBottleneck", BOTTLENECKS["tanh"]),
        ("models.bottleneck.WassersteinBottleneck", BOTTLENECKS["wasserstein"]),
        ("models.bottleneck.VAEBottleneck", BOTTLENECKS["vae"]),
        ("models.bottleneck.L2Bottleneck", BOTTLENECKS["l2_norm"]),
        ("models.conditioners.T5Conditioner", CONDITIONERS["t5"]),
        ("models.conditioners.TokenizerLUTConditioner", CONDITIONERS["lut"]),
        ("models.conditioners.NumberConditioner", CONDITIONERS["number"]),
        ("models.conditioners.IntConditioner", CONDITIONERS["int"]),
    ],
)
def test_every_option_of_a_part_is_known(name: str, table: dict[str, Any]) -> None:
    assert set(table) == arguments(library(name))


def test_every_option_of_the_embedded_models_parts_is_known() -> None:
    from quant.model.log_mel import LogMelPretransform
    from quant.model.sentence import SentenceConditioner

    assert set(LOG_MEL) == arguments(LogMelPretransform) - {"sample_rate"}
    assert set(CONDITIONERS["sentence"]) == arguments(SentenceConditioner)


def read_keys(function: Callable[..., Any], variables: Iterable[str]) -> set[str]:
    """The keys that a function's source takes from some of its variables, by ``get`` or by brackets."""
    source = inspect.getsource(function)
    found: set[str] = set()
    for variable in variables:
        found |= set(re.findall(rf"\b{variable}(?:\.get\(|\[)\s*[\"'](\w+)[\"']", source))
    return found


def test_what_the_library_reads_around_the_transformer_is_known() -> None:
    factory = library("models.diffusion.create_diffusion_cond_from_config")
    assert read_keys(factory, ["diffusion_config"]) == set(DIFFUSION)
    wrapper = arguments(library("models.diffusion.ConditionedDiffusionModelWrapper"))
    renamed = {"cross_attn_cond_ids": "cross_attention_cond_ids"}
    itself = {"model", "conditioner", "io_channels", "sample_rate", "min_input_length", "pretransform"}
    assert {renamed.get(name, name) for name in wrapper - itself} <= set(DIFFUSION)


def test_what_the_library_reads_of_a_pretransform_is_known() -> None:
    factory = library("models.factory.create_pretransform_from_config")
    assert read_keys(factory, ["pretransform_config"]) == set(PRETRANSFORM)
    coders = library("models.autoencoders.create_autoencoder_from_config")
    assert read_keys(coders, ["ae_config"]) == set(AUTOENCODER)


def kinds(function: Callable[..., Any], variable: str) -> set[str]:
    return set(re.findall(rf"{variable} == [\"'](\w+)[\"']", inspect.getsource(function)))


def test_every_type_of_the_library_is_built_or_refused() -> None:
    conditioners = library("models.conditioners.create_multi_conditioner_from_conditioning_config")
    assert kinds(conditioners, "conditioner_type") == {*CONDITIONERS, *REFUSED_CONDITIONERS} - {"sentence"}
    assert {*TEXTS, "number", "int"} == set(CONDITIONERS)
    pretransforms = library("models.factory.create_pretransform_from_config")
    assert kinds(pretransforms, "pretransform_type") == {*REFUSED_PRETRANSFORMS, "autoencoder", "patched"}
    bottlenecks = library("models.factory.create_bottleneck_from_config")
    assert set(BOTTLENECKS) < kinds(bottlenecks, "bottleneck_type")
    networks = library("models.diffusion.create_diffusion_cond_from_config")
    assert kinds(networks, "diffusion_model_type") <= {*UNETS, "dit"}
    assert set(T5_MODELS) == set(library("models.conditioners.T5Conditioner").T5_MODELS)
    assert SECONDS == ("seconds_start", "seconds_total")


def test_defaults_are_the_librarys() -> None:
    names = ("models.dit.DiffusionTransformer", "models.transformer.ContinuousTransformer")
    found: dict[str, Any] = {}
    for name in ("models.transformer.TransformerBlock", *reversed(names)):
        found |= {key: each.default for key, each in inspect.signature(library(name)).parameters.items()}
    assert {key: found[key] for key in DEFAULTS} == DEFAULTS
    decoder = inspect.signature(library("models.autoencoders.OobleckDecoder")).parameters
    assert {key: decoder[key].default for key in DECODER_DEFAULTS} == DECODER_DEFAULTS
    number, whole = (
        inspect.signature(library(f"models.conditioners.{kind}Conditioner")).parameters for kind in ("Number", "Int")
    )
    assert (number["min_val"].default, number["max_val"].default) == (0, 1)
    assert (whole["min_val"].default, whole["max_val"].default) == (0, 512)
