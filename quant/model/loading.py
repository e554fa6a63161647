"""Models: built from their configuration by stable-audio-tools and filled with their weights."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from huggingface_hub.utils.tqdm import enable_progress_bars
from torch import Tensor, nn
from transformers.utils.logging import disable_progress_bar

from quant.adapters import merging
from quant.adapters.adapter import Adapter, merged_sha256, recorded
from quant.adapters.changes import Contents, read_adapter
from quant.configuration import checking
from quant.configuration.conditioning import INPAINTING, metadata
from quant.configuration.identity import computed_sha256
from quant.configuration.tables import DEFAULTS
from quant.errors import ModelError, reason
from quant.model import upstream
from quant.model.attention import save_work_
from quant.model.autoencoder import save_memory_
from quant.model.memory import let_go
from quant.model.text_encoder import map_text_encoders_
from quant.model.window import honour_window_
from quant.pretrained import fitting, precision, training
from quant.pretrained.folder import ModelFiles, find
from quant.pretrained.state import read_weights, weights_sha256

WORTH = 2**19
"""Bytes of a tensor that is worth letting go for the time of another's use."""


@dataclass(frozen=True)
class AudioModel:
    """A loaded text-to-audio model.

    ``wrapper`` is stable-audio-tools' ConditionedDiffusionModelWrapper: ``wrapper.model.model`` is the
    DiffusionTransformer, ``wrapper.pretransform`` decodes latents, ``wrapper.conditioner`` encodes prompts.
    ``sha256`` is that of the weight file, or of the list of its shards' hashes; or it stands for that and the
    ``adapters`` that are merged into the weights (:func:`quant.adapters.adapter.merged_sha256`), each as
    :func:`quant.adapters.adapter.recorded` says it.

    Examples
    --------
    >>> model = load_model("mini")
    >>> model.objective, model.latent_frames(1.0)
    ('v', 12)
    """

    name: str
    config: dict[str, Any]
    wrapper: Any
    sha256: str
    adapters: tuple[dict[str, Any], ...] = ()

    @property
    def dit(self) -> nn.Module:
        """The DiffusionTransformer, the only part that is quantized."""
        return self.wrapper.model.model

    @property
    def config_sha256(self) -> str:
        """Of what its configuration says of how it computes (:mod:`quant.configuration.identity`)."""
        return computed_sha256(self.config)

    @property
    def sample_rate(self) -> int:
        """Samples a second of the model's audio."""
        return int(self.wrapper.sample_rate)

    @property
    def latent_channels(self) -> int:
        """Channels of the latent that the sampler works on."""
        return int(self.wrapper.io_channels)

    @property
    def objective(self) -> str:
        """What the network predicts: ``v``, ``rectified_flow`` or ``rf_denoiser``."""
        return str(self.wrapper.diffusion_objective)

    def latent_frames(self, seconds: float) -> int:
        """Frames of a latent that covers ``seconds`` of audio, rounded up to whole patches of the DiT."""
        ratio = self.wrapper.pretransform.downsampling_ratio if self.wrapper.pretransform else 1
        patch = int(self.dit.patch_size)  # type: ignore[arg-type]
        return -(-round(seconds * self.sample_rate) // (int(ratio) * patch)) * patch

    @torch.no_grad()
    def condition(self, prompts: list[str], seconds: float) -> dict[str, Tensor | None]:
        """Conditioning inputs of the DiT for a batch of prompts, as the library's own generation makes them."""
        device, conditioning = next(self.dit.parameters()).device, self.config["model"]["conditioning"]
        batch = [metadata(conditioning, text, seconds) for text in prompts]
        with upstream.quietly():
            tensors = self.wrapper.conditioner(batch, device)
        if self.wrapper.input_concat_ids:
            # As the library's generate_diffusion_cond_inpaint where it is given no mask: nothing of the clip is known.
            shape = (len(prompts), self.latent_channels, self.latent_frames(seconds))
            mask, known = torch.zeros(shape[0], 1, shape[2], device=device), torch.zeros(shape, device=device)
            tensors |= dict(zip(INPAINTING, ([mask], [known]), strict=True))
        inputs: dict[str, Tensor | None] = self.wrapper.get_conditioning_inputs(tensors)
        self._check_positions(seconds, inputs["prepend_cond"])
        return inputs

    def _check_positions(self, seconds: float, prepended: Tensor | None) -> None:
        """Refuse a clip of more tokens than the DiT has learned positions for."""
        dit = {**DEFAULTS, **self.config["model"]["diffusion"]["config"]}
        if not dit["use_abs_pos_emb"]:
            return
        tokens: int = self.latent_frames(seconds) // dit["patch_size"]
        tokens += 0 if prepended is None else prepended.shape[1]
        tokens += dit["global_cond_type"] == "prepend"  # what says which step it is
        if tokens > dit["abs_pos_emb_max_length"]:
            raise ModelError(
                f"{self.name}: {seconds:g} s are {tokens} tokens, but abs_pos_emb_max_length is "
                f"{dit['abs_pos_emb_max_length']}; ask for a shorter clip"
            )

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents (batch, channels, frames) to float32 audio (batch, audio channels, samples).

        Meanwhile what the DiT has mapped from a file is not in memory, and afterwards the decoder's weights are not.
        """
        pretransform = self.wrapper.pretransform
        if pretransform is None:
            return latents.float()
        codes = (tensor for layer in self.dit.modules() for tensor in getattr(layer, "mapped", list)())
        let_go(tensor for tensor in codes if tensor.nbytes >= WORTH)
        # What is kept in 16 bits is widened where it is used.
        wide = (value.dtype for value in pretransform.parameters() if value.dtype != torch.float16)
        audio = pretransform.decode(latents.to(next(wide, latents.dtype))).float()
        let_go(value for value in pretransform.parameters() if value.nbytes >= WORTH)
        return audio


@contextlib.contextmanager
def _large_parts_without_values() -> Iterator[None]:
    """Have the library make the large parts of shapes alone, whose values a weight file brings.

    Random values for a model of a billion parameters take seconds, and memory beside what is then loaded.
    """
    autoencoders = upstream.stable_audio_tools("models.autoencoders")
    block = upstream.stable_audio_tools("models.transformer").TransformerBlock
    parts = (block, autoencoders.OobleckEncoder, autoencoders.OobleckDecoder)
    originals = [part.__init__ for part in parts]

    def on_meta(original: Callable[..., None]) -> Callable[..., None]:
        def make(self: nn.Module, *args: Any, **kwargs: Any) -> None:
            with torch.device("meta"):
                original(self, *args, **kwargs)

        return make

    for part, original in zip(parts, originals, strict=True):
        part.__init__ = on_meta(original)
    try:
        yield
    finally:
        for part, original in zip(parts, originals, strict=True):
            part.__init__ = original


def build(config: dict[str, Any], name: str = "model", values: bool = True) -> Any:
    """Build an untrained model from a ``model_config.json`` with stable-audio-tools.

    With ``values`` False the transformer's blocks and the autoencoder have shapes only, to be filled by
    ``load_state_dict(assign=True)``.

    Two types of the embedded model that the library does not know are added after it has built the rest: the
    pretransform ``log_mel`` and the conditioner ``sentence``.

    Raises
    ------
    ModelError
        If the configuration is of another kind of model or lacks something.

    Examples
    --------
    >>> type(build(find("mini").config, values=False)).__name__
    'ConditionedDiffusionModelWrapper'
    """
    config = copy.deepcopy(config)
    checking.check(config, name)
    # The bar for a text encoder that is read would break up ours; that of a download stays.
    disable_progress_bar()
    enable_progress_bars()
    factory = upstream.stable_audio_tools("models.factory")
    try:
        model = config["model"]
        pretransform = model.get("pretransform") or {}
        conditioning = model["conditioning"]
        own_pretransform = model.pop("pretransform") if pretransform.get("type") == "log_mel" else None
        sentences = {c["id"]: c["config"] for c in conditioning["configs"] if c["type"] == "sentence"}
        conditioning["configs"] = [c for c in conditioning["configs"] if c["type"] != "sentence"]
        for saving in ("model_half", "chunked"):
            # Audio is decoded in float32 and in pieces that meet, whatever the model.
            pretransform.pop(saving, None)
        if config["model_type"] == "diffusion_cond_inpaint":
            # The library's own inpainting samples without it.
            model["diffusion"].pop("distribution_shift_options", None)
        with upstream.quietly(), contextlib.nullcontext() if values else _large_parts_without_values():
            wrapper = factory.create_model_from_config(config)
        if own_pretransform is not None:
            from quant.model.log_mel import LogMelPretransform

            wrapper.pretransform = LogMelPretransform(config["sample_rate"], **own_pretransform["config"])
        for key, settings in sentences.items():
            from quant.model.sentence import SentenceConditioner

            wrapper.conditioner.conditioners[key] = SentenceConditioner(
                **{"output_dim": conditioning["cond_dim"], **settings}
            )
        honour_window_(wrapper.model.model)
        save_work_(wrapper.model.model)
        save_memory_(wrapper.pretransform)
    except OSError as error:  # a text encoder that is neither cached nor reachable
        raise ModelError(f"{name}: its text encoder cannot be loaded ({reason(error)}); check the network") from error
    except Exception as error:
        # The library raises whatever the first thing that does not fit raises; none of it may end in a traceback.
        raise ModelError(
            f"{name}: model_config.json cannot be built ({type(error).__name__}: {reason(error)})"
        ) from error
    return wrapper.eval().requires_grad_(False)


def _own_state(
    stored: dict[str, Tensor], wrapper: Any, files: ModelFiles, adapters: Sequence[Contents]
) -> dict[str, Tensor]:
    """Make a model's state dict, in float32, of the tensors that lie in its weight file and of ``adapters``."""
    wanted, path = wrapper.state_dict(), files.weights
    parameters = [key for key, _ in wrapper.named_parameters()]
    names = training.own_names(stored, wanted, parameters, path)
    if names.averaged:
        fitting.say(
            f"{path}: took the moving average (EMA) of {names.averaged} weights, which lies under {names.average}"
        )
    state = precision.widened({new: stored[old] for new, old in names.own.items()}, wanted, path)
    state = merging.resolved(state, wanted, path)
    state = fitting.fitted(state, wanted, parameters, path, files.config_path.name)
    state = merging.merged(state, adapters)
    precision.check_finite(state, path)
    return state


def load_model(name: str, device: str = "cpu", adapters: Sequence[Adapter] = ()) -> AudioModel:
    """Load a model by name or folder, ``adapters`` merged into it, in float32, ready for inference on ``device``.

    Raises
    ------
    ModelError
        If it cannot be found, downloaded, built, or if weights, configuration and adapters disagree.

    Examples
    --------
    >>> load_model("mini").sample_rate
    22050
    """
    files = find(name)
    contents = [read_adapter(one) for one in adapters]
    stored = read_weights(files.weights)
    wrapper = build(files.config, name, values=False)
    wrapper.load_state_dict(_own_state(stored, wrapper, files, contents), assign=True)
    wrapper.requires_grad_(False)
    made_of = tuple(recorded(one) for one in adapters)
    sha256 = merged_sha256(weights_sha256(files.weights), made_of)
    if device == "cpu":
        map_text_encoders_(wrapper.conditioner)
    return AudioModel(name, files.config, wrapper.to(device), sha256, made_of)


def shared_copy(wrapper: Any) -> Any:
    """Copy the modules of a model, which can be exchanged, over the same tensors, conditioner and pretransform.

    Examples
    --------
    >>> wrapper = load_model("mini").wrapper
    >>> copied = shared_copy(wrapper)
    >>> copied.model is wrapper.model, next(copied.parameters()) is next(wrapper.parameters())
    (False, True)
    """
    parts = [wrapper.conditioner, wrapper.pretransform, *wrapper.parameters(), *wrapper.buffers()]
    return copy.deepcopy(wrapper, {id(part): part for part in parts})
