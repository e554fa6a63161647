"""Models of the hub: downloaded with the researcher's token, and what is said where that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub_server import hub
from refusals import refusal
from tiny_models import write_model

from quant.files import file_sha256
from quant.model.loading import load_model
from quant.pretrained.folder import HUB


def test_model_of_the_hub_downloads_with_the_token_and_loads(
    at_home: Path, tmp_path: Path, seed: int, hub_settings: Callable[..., None]
) -> None:
    """The small model lies there as model.ckpt alone; the token goes with every request for it."""
    name = "stable-audio-open-small"
    source = write_model(tmp_path / "source", seed, "rf_denoiser", "model.ckpt")
    files = {f"{HUB[name]}/{path.name}": path.read_bytes() for path in source.iterdir()}
    requests: list[tuple[str, str]] = []
    with hub(files, requests=requests) as address:
        hub_settings(address, token="hf_of_the_researcher")
        model = load_model(name)
    assert (model.name, model.sha256) == (name, file_sha256(source / "model.ckpt"))
    assert {token for path, token in requests if HUB[name] in path} == {"Bearer hf_of_the_researcher"}
    # Once there, it needs no network.
    hub_settings(offline=True)
    assert load_model(name).sha256 == model.sha256


def test_gated_model_names_licence_and_variable(at_home: Path, hub_settings: Callable[..., None]) -> None:
    with hub({}, refuse="GatedRepo") as address:
        hub_settings(address)
        message = refusal("stable-audio-open-1.0")
    assert message.startswith("stable-audio-open-1.0: ")
    assert "https://huggingface.co/stabilityai/stable-audio-open-1.0" in message
    assert "HF_TOKEN" in message


def test_wrong_token_names_variable(at_home: Path, hub_settings: Callable[..., None]) -> None:
    """For a token it does not know, the hub answers as if the repository were not there."""
    with hub({}, refuse="RepoNotFound") as address:
        hub_settings(address, token="hf_expired")
        message = refusal("stable-audio-open-1.0")
    assert message.startswith("stable-audio-open-1.0: ")
    assert "HF_TOKEN" in message


def test_no_network_says_what_to_do(at_home: Path, hub_settings: Callable[..., None]) -> None:
    hub_settings(offline=True)
    message = refusal("stable-audio-open-1.0")
    assert message.startswith("stable-audio-open-1.0: cannot be downloaded")
    assert "network" in message
    assert "folder" in message
