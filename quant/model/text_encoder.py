"""Text encoders whose weights stay in their files between prompts.

One works for a tenth of a second a clip, and would hold 0.2 GB (t5-base) all the while.
"""

from __future__ import annotations

import contextlib
from typing import Any

from torch import nn
from torch.func import functional_call

from quant.model import upstream
from quant.model.memory import give_back, let_go


class MappedEncoder(nn.Module):
    """Takes the place of an encoder that the library narrowed to fp16: the same numbers, narrowed at each call.

    ``wide`` is the encoder as it lies mapped.

    Examples
    --------
    >>> import torch
    >>> encoder = MappedEncoder(nn.Linear(2, 1, bias=False).requires_grad_(False))
    >>> encoder(input=torch.ones(1, 2).half()).dtype, encoder.wide.weight.dtype
    (torch.float16, torch.float32)
    """

    def __init__(self, wide: nn.Module) -> None:
        super().__init__()
        self.wide = wide

    def forward(self, **given: Any) -> Any:
        """Encode as the narrowed encoder does."""
        narrow = {name: value.half() for name, value in self.wide.named_parameters()}
        found = functional_call(self.wide, narrow, (), given)
        del narrow
        let_go(self.wide.parameters())
        give_back()
        return found


def map_text_encoders_(conditioner: Any) -> None:
    """Leave the weights of a model's T5 encoders in their files, in place; of files that cannot be mapped none are.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> map_text_encoders_(load_model("mini").wrapper.conditioner)  # it has none
    """
    t5 = upstream.stable_audio_tools("models.conditioners").T5Conditioner
    for part in conditioner.conditioners.values():
        if not isinstance(part, t5) or part.enable_grad:
            continue
        with contextlib.suppress(OSError), upstream.quietly():
            # Read a second time, which takes 0.1 s: the library keeps nothing but what it has narrowed.
            wide = type(part.model).from_pretrained(part.model.name_or_path, local_files_only=True)
            wide.requires_grad_(False).eval()
            if let_go(wide.parameters()) > 0.9 * sum(value.nbytes for value in wide.parameters()):
                part.__dict__["model"] = MappedEncoder(wide)
