"""A study on a tiny random model of the embedded model's classes: the whole road in seconds."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from quant.model.loading import build
from quant.pretrained.folder import MINI_FOLDER

CONDITIONS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")
PROMPTS = ("a dog barking", "rain")
TO_QKV = "transformer.layers.0.self_attn.to_qkv"


def tiny_model(folder: Path, seed: int) -> Path:
    """Write a random model of two narrow blocks, with the embedded model's latents, so that it makes noise."""
    config = json.loads((MINI_FOLDER / "model_config.json").read_text())
    config["model"]["diffusion"]["config"] |= {"embed_dim": 64, "depth": 2, "num_heads": 2}
    config["model"]["pretransform"]["config"]["iterations"] = 2
    torch.manual_seed(seed)
    wrapper = build(config)
    for parameter in wrapper.model.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    own = load_file(MINI_FOLDER / "model.safetensors")
    state = wrapper.state_dict() | {key: value for key, value in own.items() if key.startswith("pretransform.")}
    folder.mkdir(parents=True)
    (folder / "model_config.json").write_text(json.dumps(config))
    save_file({key: value.contiguous() for key, value in state.items()}, folder / "model.safetensors")
    return folder


def tiny_study(folder: Path, seed: int, extra: str = "") -> Path:
    """Write a study of two prompts and three conditions on a tiny model of its own, three steps a clip."""
    tiny_model(folder / "tiny", seed)
    (folder / "study.yaml").write_text(
        f"name: tiny\nmodel: tiny\nconditions: [{', '.join(CONDITIONS)}]\n"
        f"prompts: [{', '.join(PROMPTS)}]\n"
        "sampling: {steps: 3, seconds: 1, cfg_scale: 2}\ncalibration: {prompts: 2}\n"
        f"session: {{practice: 0, headphone_check: false}}\n{extra}"
    )
    return folder


def write_adapter(path: Path, model: Path, seed: int) -> Path:
    """Write an adapter to one layer of a model, as kohya's trainers do."""
    outputs, inputs = load_file(model / "model.safetensors")[f"model.model.{TO_QKV}.weight"].shape
    generator = torch.Generator().manual_seed(seed)
    down, up = torch.randn(2, inputs, generator=generator), torch.randn(outputs, 2, generator=generator)
    name = f"lora_unet_{TO_QKV}".replace(".", "_")
    alpha = torch.tensor(2.0)
    save_file({f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": alpha}, path)
    return path
