"""Configurations: what is refused from the JSON alone, by the name of the option, and what is taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from configurations import COMPUTED, configuration
from tiny_models import model_config, one_line

from quant.configuration.checking import check
from quant.errors import ModelError
from quant.pretrained.folder import MINI_FOLDER, find

DIFFUSION, DIT, AUTOENCODER = "model.diffusion", "model.diffusion.config", "model.pretransform.config"
GONE = object()


def changed(*changes: tuple[str, Any], objective: str = "v") -> dict[str, Any]:
    """The usual configuration with values set at places, or taken away."""
    config = model_config(objective)
    for place, value in changes:
        *parents, last = place.split(".")
        found: Any = config
        for parent in parents:
            found = found[int(parent) if parent.isdigit() else parent]
        if value is GONE:
            del found[last]
        elif isinstance(found, list):
            found.append(value)
        else:
            found[last] = value
    return config


def refusal(config: Any) -> str:
    with pytest.raises(ModelError) as caught:
        check(config, "mine")
    message = one_line(caught.value)
    assert message.startswith("mine: ")
    return message


def test_configurations_that_are_computed_are_taken() -> None:
    for name in COMPUTED:
        check(configuration(name), name)
    check(json.loads((MINI_FOLDER / "model_config.json").read_text()), "mini")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        # of another kind
        ("model_type", "autoencoder", "makes no sound of a prompt"),
        ("model_type", "diffusion_uncond", "takes no prompt"),
        ("model_type", "diffusion_prior", "another model"),
        ("model_type", "lm", "language model"),
        ("model_type", "clap", "compares sounds"),
        ("model_type", ["diffusion_cond"], "diffusion_cond"),
        ("model_type", GONE, "diffusion_cond"),
        (f"{DIFFUSION}.type", "adp_cfg_1d", "U-Net"),
        (f"{DIFFUSION}.type", "adp_1d", "U-Net"),
        (f"{DIFFUSION}.type", "DAU1d", "U-Net"),
        (f"{DIFFUSION}.type", "mmdit", "diffusion transformer"),
        # the outermost
        ("sample_rate", GONE, "lacks sample_rate"),
        ("sample_rate", -44100, "from 1 to 1000000"),
        ("sample_rate", "44100", "from 1 to 1000000"),
        ("sample_rate", True, "from 1 to 1000000"),
        ("sample_size", GONE, "lacks sample_size"),
        ("sample_size", 0, "from 1 on"),
        ("sample_size", "long", "from 1 on"),
        ("audio_channels", GONE, "lacks audio_channels"),
        ("audio_channels", "stereo", "from 1 on"),
        ("audio_channels", 1, "model.pretransform makes 2"),
        ("model", GONE, "lacks model"),
        ("model", [], "an object of options"),
        ("model.io_channels", GONE, "model lacks io_channels"),
        ("model.io_channels", 9, "model.io_channels is 9"),
        ("model.lora", {}, "model.lora is no option"),
        ("model.conditioning", GONE, "model lacks conditioning"),
        ("model.diffusion", None, "an object of options"),
        # around the transformer
        (f"{DIFFUSION}.diffusion_objective", "ddpm", "v or rectified_flow or rf_denoiser"),
        (f"{DIFFUSION}.mask_padding_attention", True, "Stable Audio 3"),
        (f"{DIFFUSION}.local_add_cond_ids", ["inpaint_mask"], "Stable Audio 3"),
        (f"{DIFFUSION}.local_add_cond", 1, "local_add_cond is no option"),
        (f"{DIFFUSION}.distribution_shift_options", {"min_length": 4096}, "must differ"),
        (f"{DIFFUSION}.distribution_shift_options", {"shape": 1}, "shape is no option"),
        (f"{DIFFUSION}.cross_attention_cond_ids", "prompt", "a list of names"),
        (f"{DIFFUSION}.cross_attention_cond_ids", ["prompt", "bpm"], "no conditioner is called bpm"),
        (f"{DIFFUSION}.cross_attention_cond_ids", ["prompt", "," * 3000], "no conditioner is called ,,,"),
        (f"{DIFFUSION}.cross_attention_cond_ids", [], "cross_attention_cond_ids names no conditioner"),
        (f"{DIFFUSION}.cross_attention_cond_ids", ["seconds_total"], "every prompt would sound alike"),
        (f"{DIFFUSION}.global_cond_ids", ["prompt"], "a vector for each word"),
        (f"{DIFFUSION}.global_cond_ids", ["seconds_total"], "global_cond_dim is 64"),
        (f"{DIFFUSION}.prepend_cond_ids", ["seconds_total"], "prepend_cond_dim is 0"),
        (f"{DIFFUSION}.input_concat_ids", ["inpaint_mask"], "wants audio"),
        # the transformer
        (f"{DIT}.magic", 1, "magic is no option"),
        (f"{DIT}.dim_heads", 32, "the library sets it itself"),
        (f"{DIT}.diffusion_objective", "v", "the library sets it itself"),
        (f"{DIT}.io_channels", 4, "must be equal"),
        (f"{DIT}.input_concat_dim", 4, "0 channels wide"),
        (f"{DIT}.embed_dim", "wide", "from 1 on"),
        (f"{DIT}.embed_dim", 64.0, "from 1 on"),
        (f"{DIT}.embed_dim", 65, "must be a multiple"),
        (f"{DIT}.depth", 0, "from 1 to 1000"),
        (f"{DIT}.depth", 10_000_000, "from 1 to 1000"),
        ("sample_rate", 10**15, "from 1 to 1000000"),
        (f"{DIT}.num_heads", 0, "from 1 on"),
        (f"{DIT}.num_heads", 4, "narrower than the 32 that rotary_pos_emb turns"),
        (f"{DIT}.num_heads", 1, "project_cond_tokens is False"),
        (f"{DIT}.cond_token_dim", 64, "cond_dim is 32"),
        (f"{DIT}.cond_token_dim", -1, "from 0 on"),
        (f"{DIT}.project_global_cond", "no", "true or false"),
        (f"{DIT}.transformer_type", "x-transformers", "continuous_transformer"),
        (f"{DIT}.global_cond_type", "film", "prepend or adaLN"),
        (f"{DIT}.timestep_cond_type", "input_concat", "own forward fails"),
        (f"{DIT}.final_cross_attn_ix", -2, "from -1 on"),
        (f"{DIT}.sliding_window", 64, "left and right"),
        (f"{DIT}.sliding_window", [64, -2], "left and right"),
        (f"{DIT}.abs_pos_emb_max_length", 0, "from 1 on"),
        (f"{DIT}.attn_kwargs", None, "an object of options"),
        (f"{DIT}.attn_kwargs", {"qk_norm": "rms"}, "attn_kwargs.qk_norm is 'rms'"),
        (f"{DIT}.attn_kwargs", {"natten_kernel_size": 3}, "natten_kernel_size is no option"),
        (f"{DIT}.attn_kwargs", {"dim_context": 3}, "the library sets it itself"),
        (f"{DIT}.ff_kwargs", {"mult": 0}, "above 0"),
        (f"{DIT}.ff_kwargs", {"mult": 0.001}, "leaves no channel"),
        (f"{DIT}.ff_kwargs", {"mult": float("nan")}, "above 0"),
        (f"{DIT}.ff_kwargs", {"conv_kernel_size": 4}, "must be odd"),
        (f"{DIT}.ff_kwargs", {"dim_out": 3}, "only null is computed"),
        (f"{DIT}.norm_kwargs", {"eps": -1}, "above 0"),
        (f"{DIT}.norm_kwargs", {"type": "rms"}, "norm_kwargs.type is no option"),
        # conditioners
        ("model.conditioning.cond_dim", GONE, "lacks cond_dim"),
        ("model.conditioning.cond_dim", 64, "cond_token_dim is 32"),
        ("model.conditioning.configs", [], "a list of conditioners"),
        ("model.conditioning.configs.0", {"id": "bpm", "type": "number", "config": {}}, "conditioner bpm"),
        ("model.conditioning.configs.0", {"id": "mood", "type": "int", "config": {}}, "conditioner mood"),
        ("model.conditioning.configs.0", {"id": "prompt", "type": "number", "config": {}}, "called prompt"),
        ("model.conditioning.configs.0", {"id": "lyrics", "type": "t5", "config": {}}, "conditioner lyrics"),
        ("model.conditioning.configs.0", {"id": "clap", "type": "clap_text", "config": {}}, "nothing is unpickled"),
        ("model.conditioning.configs.0", {"id": "audio", "type": "pretransform", "config": {}}, "wants audio"),
        ("model.conditioning.configs.0", {"id": "text", "type": "t5gemma", "config": {}}, "'t5gemma'"),
        ("model.conditioning.configs.0", {"id": "text"}, "lacks type"),
        ("model.conditioning.configs.0", {"id": "a", "type": "t5", "config": {"t5_model_name": "t6"}}, "'t6'"),
        ("model.conditioning.configs.0", {"id": "a", "type": "t5", "config": {"padding": 1}}, "padding is no option"),
        ("model.conditioning.configs.0", {"id": "a", "type": "number", "config": {"min_val": 2}}, "below max_val"),
        ("model.conditioning.default_keys", {"prompt_t5": 1}, "an object of names"),
        ("model.conditioning.pre_encoded_keys", ["prompt"], "Earmark encodes prompts itself"),
        # what makes audio of latents
        ("model.pretransform", None, "audio_channels, 2"),
        ("model.pretransform.type", "wavelet", "PyWavelets"),
        ("model.pretransform.type", "pqmf", "SciPy"),
        ("model.pretransform.type", "dac_pretrained", "the package called dac is not it"),
        ("model.pretransform.type", "audiocraft_pretrained", "no decoder"),
        ("model.pretransform.type", "same", "autoencoder and patched"),
        ("model.pretransform.scale", 0, "above 0"),
        ("model.pretransform.ckpt_path", "x", "ckpt_path is no option"),
        (f"{AUTOENCODER}.encoder.type", "taae", "Stable Audio 3"),
        (f"{AUTOENCODER}.decoder.type", "taae", "Stable Audio 3"),
        (f"{AUTOENCODER}.encoder.type", "dac", "no further package changes that"),
        (f"{AUTOENCODER}.encoder.type", "seanet", "no further package changes that"),
        (f"{AUTOENCODER}.encoder.type", "local_attn", "no further package changes that"),
        (f"{AUTOENCODER}.bottleneck.type", "rvq", "no codes"),
        (f"{AUTOENCODER}.latent_dim", GONE, "lacks latent_dim"),
        (f"{AUTOENCODER}.latent_dim", 9, "latent_dim is 9"),
        (f"{AUTOENCODER}.downsampling_ratio", 64, "their product must be downsampling_ratio"),
        (f"{AUTOENCODER}.decoder.config.c_mults", [1], "as long as c_mults"),
        (f"{AUTOENCODER}.decoder.config.out_channels", 1, "model.pretransform makes 1"),
    ],
)
def test_option_is_refused_by_its_name(place: str, value: Any, words: str) -> None:
    said = refusal(changed((place, value)))
    assert words in said
    assert len(said) < 500, "a line that can be read"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # six heads of keys and values for four of queries, and for ten
        ([(f"{DIT}.embed_dim", 128), (f"{DIT}.num_heads", 4), ("model.conditioning.cond_dim", 192)], "6 heads"),
        ([(f"{DIT}.embed_dim", 320), (f"{DIT}.num_heads", 10), ("model.conditioning.cond_dim", 192)], "6 heads"),
        ([(f"{DIT}.embed_dim", 128), (f"{DIT}.num_heads", 2), ("model.conditioning.cond_dim", 96)], "1.5 heads"),
    ],
)
def test_heads_of_keys_and_values_that_do_not_fit_are_refused(changes: list[tuple[str, Any]], words: str) -> None:
    width = changes[-1][1]
    message = refusal(changed(*changes, (f"{DIT}.cond_token_dim", width), (f"{DIT}.global_cond_dim", 2 * width)))
    assert "project_cond_tokens" in message
    assert words in message


def test_options_that_do_not_fit_each_other_are_refused() -> None:
    wide = ("model.pretransform", {"type": "patched", "config": {"channels": 2, "patch_size": 8}})
    assert "latents of model.pretransform have 16 channels" in refusal(changed(wide))
    slow = ("model.pretransform", {"type": "patched", "config": {"channels": 2, "patch_size": 4, "oversampling": 2}})
    assert "torchaudio" in refusal(changed(slow))
    narrow = [(f"{DIT}.embed_dim", 60), (f"{DIT}.num_heads", 12), (f"{DIT}.rotary_pos_emb", False)]
    assert "add_rope" in refusal(changed(*narrow, (f"{DIT}.add_rope", True), (f"{DIT}.project_cond_tokens", True)))
    odd = [(f"{DIT}.embed_dim", 99), (f"{DIT}.num_heads", 3), (f"{DIT}.project_cond_tokens", True)]
    assert "use_sinusoidal_emb" in refusal(changed(*odd, (f"{DIT}.use_sinusoidal_emb", True)))
    unequal = [(f"{DIT}.embed_dim", 96), (f"{DIT}.num_heads", 3), (f"{DIT}.project_global_cond", False)]
    assert "project_global_cond" in refusal(changed(*unequal))
    noise = {"type": "wasserstein", "config": {"noise_augment_dim": 4}}
    assert "noise_augment_dim" in refusal(changed((f"{AUTOENCODER}.bottleneck", noise)))


def test_inpainting_wants_the_channels_that_are_added() -> None:
    config = configuration("inpainting without a mask")
    config["model"]["diffusion"]["config"]["input_concat_dim"] = 1
    assert "input_concat_ids are 9 channels wide" in refusal(config)
    config["model"]["diffusion"]["input_concat_ids"] = ["source"]
    assert "source wants audio" in refusal(config)


def test_refusal_takes_no_torch_and_reads_no_weights(tmp_path: Path) -> None:
    (tmp_path / "model_config.json").write_text(json.dumps(changed((f"{DIT}.num_heads", 4))))
    (tmp_path / "model.safetensors").write_bytes(b"none")
    program = (
        "import sys\n"
        "from quant.errors import ModelError\n"
        "from quant.pretrained.folder import find\n"
        "try: find(sys.argv[1])\n"
        "except ModelError as error: print(error)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    message, torch = done.stdout.splitlines()
    assert "num_heads is 4" in message
    assert torch == "False"


def test_the_embedded_model_is_taken() -> None:
    assert find("mini").config["model_type"] == "diffusion_cond"


@pytest.mark.parametrize("place", ["option", "id", "list"])
def test_no_name_reaches_the_terminal_as_it_is(place: str) -> None:
    """What a file says is shown, but moves no cursor and begins no line."""
    config, odd = json.loads((MINI_FOLDER / "model_config.json").read_text()), "a\n\x1b[31m"
    model = config["model"]
    if place == "option":
        model["diffusion"]["config"][odd] = 1
    elif place == "id":
        model["conditioning"]["configs"][1]["id"] = odd
    else:
        model["diffusion"]["global_cond_ids"] = [odd]
    with pytest.raises(ModelError) as caught:
        check(config, "mine")
    assert str(caught.value).isprintable()


def test_a_kind_of_any_length_is_said_in_a_line() -> None:
    with pytest.raises(ModelError) as caught:
        check({"model_type": "x" * 10_000}, "mine")
    assert len(str(caught.value)) < 200
