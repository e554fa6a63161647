"""What a model is told of a clip, as the library's own generation tells it: encoders, names, and no mask to inpaint."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from configurations import COMPUTED, configuration, inpainting, random_model
from tiny_models import QUICK, RATIO, SAMPLER_OF, SECONDS, model_config, one_line
from transformers import T5EncoderModel

from quant.errors import ModelError
from quant.model import upstream
from quant.model.loading import AudioModel, load_model
from quant.model.text_encoder import MappedEncoder
from quant.rendering.sampling import sample


@pytest.mark.parametrize("objective", ["v", "rectified_flow"])
def test_inpainting_without_a_mask_is_the_librarys(at_home: Path, objective: str, seed: int) -> None:
    config, seed = model_config(objective), seed % 2**31
    inpainting(config)
    model, settings = random_model(config, seed), replace(QUICK, sampler=SAMPLER_OF[objective])
    library = upstream.stable_audio_tools("inference.generation")
    ranges = {"sigma_min": QUICK.sigma_min, "sigma_max": QUICK.sigma_max} if objective == "v" else {}
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(None), torch.no_grad():
        expected = library.generate_diffusion_cond_inpaint(
            model.wrapper,
            steps=settings.steps,
            cfg_scale=settings.cfg_scale,
            conditioning=[{"prompt": "rain", "seconds_start": 0, "seconds_total": SECONDS}],
            sample_size=63 * RATIO,
            seed=seed,
            device="cpu",
            return_latents=True,
            sampler_type=settings.sampler,
            **ranges,
        )
    assert torch.equal(sample(model, "rain", seed, settings), expected)


@pytest.mark.parametrize("name", ["two text encoders", "another name for the prompt", "whole seconds"])
def test_conditioners_are_told_what_the_librarys_are(at_home: Path, name: str, seed: int) -> None:
    model = random_model(configuration(name), seed)
    told: dict[str, Any] = {"prompt": "rain", "caption": "rain", "seconds_start": 0, "seconds_total": 3}
    with contextlib.redirect_stdout(None), torch.no_grad():
        expected = model.wrapper.get_conditioning_inputs(model.wrapper.conditioner([told], "cpu"))
    found, other = model.condition(["rain"], 3.0), model.condition(["hail"], 3.0)
    for key, value in expected.items():
        mine = found[key]
        assert (mine is None) == (value is None)
        assert mine is None or torch.equal(mine, value)
    assert other["cross_attn_cond"] is not None
    assert not torch.equal(other["cross_attn_cond"], expected["cross_attn_cond"])


def test_clip_longer_than_the_learned_positions_is_refused(at_home: Path, seed: int) -> None:
    model = random_model(configuration("learned positions"), seed)  # 64 of them, one for what tells the step
    sample(model, "rain", 1, replace(QUICK, seconds=63 * RATIO / model.sample_rate))
    with pytest.raises(ModelError, match="65 tokens, but abs_pos_emb_max_length is 64") as caught:
        sample(model, "rain", 1, replace(QUICK, seconds=64 * RATIO / model.sample_rate))
    one_line(caught.value)


def test_audio_is_made_without_an_autoencoder(at_home: Path, seed: int, generator: torch.Generator) -> None:
    patched, plain = (random_model(configuration(name), seed) for name in ("patches of audio", "audio as it is"))
    latents = torch.randn(1, 8, 5, generator=generator)
    assert torch.equal(patched.decode(latents), latents.view(1, 2, 4, 5).transpose(2, 3).flatten(2))
    assert torch.equal(plain.decode(latents), latents)
    assert (patched.latent_frames(0.25), plain.latent_frames(0.25)) == (50, 50)


@pytest.mark.parametrize("saving", ["model_half", "chunked"])
def test_audio_is_decoded_in_float32_and_whole(
    at_home: Path, saving: str, seed: int, generator: torch.Generator
) -> None:
    config = model_config()
    config["model"]["pretransform"][saving] = True
    models = [random_model(each, seed) for each in (model_config(), config)]
    latents = torch.randn(1, 8, 11, generator=generator)
    expected, found = (model.decode(latents) for model in models)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["sliding window", "causal", "layer scale"])
def test_nothing_the_library_prints_reaches_the_terminal(
    at_home: Path, name: str, seed: int, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    assert name in COMPUTED
    model: AudioModel = random_model(configuration(name), seed)
    sample(model, "rain", 1, QUICK)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_text_encoder_in_its_file_says_what_the_librarys_does(at_home: Path, folders: dict[str, Path]) -> None:
    """The library keeps it in 16 bits in memory; of weights that cannot be mapped it still does."""
    model = load_model(str(folders["v"]))
    part = model.wrapper.conditioner.conditioners["prompt"]
    assert isinstance(part.model, MappedEncoder)
    mapped = model.condition(["rain on a roof"], SECONDS)
    part.__dict__["model"] = T5EncoderModel.from_pretrained("t5-base").eval().requires_grad_(False).half()
    expected = model.condition(["rain on a roof"], SECONDS)
    assert expected["cross_attn_cond"] is not None
    for key, value in expected.items():
        assert (value is None and mapped[key] is None) or torch.equal(mapped[key], value)


def test_text_encoder_that_cannot_be_mapped_stays_in_memory(
    at_home: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from_pretrained = T5EncoderModel.from_pretrained

    def copied(*given: Any, **named: Any) -> Any:
        model = from_pretrained(*given, **named)
        for value in model.parameters():
            value.data = value.data.clone()
        return model

    monkeypatch.setattr(T5EncoderModel, "from_pretrained", copied)
    model = load_model(str(folders["v"]))
    part = model.wrapper.conditioner.conditioners["prompt"]
    assert isinstance(part.model, T5EncoderModel)
    assert {value.dtype for value in part.model.parameters()} == {torch.float16}
    assert model.condition(["rain on a roof"], SECONDS)["cross_attn_cond"] is not None
