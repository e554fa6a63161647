"""Plain: the library's transformer with guidance as a function of four tensors, which every peer can take."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Asked = tuple[Tensor, Tensor, Tensor, Tensor]
"""What is asked: the latent (1, channels, frames), its time (1,), the text (1, tokens, width), the facts (1, width)."""

Answer = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Peer = Callable[["Plain", Sequence[Asked]], Answer]
"""What makes a quantized answer of a transformer; what is asked serves for calibration, and as an example."""

GUIDANCE = 7.0


class Plain(nn.Module):
    """The transformer, both halves of guidance: velocities in float32, of four tensors."""

    def __init__(self, dit: Any) -> None:
        super().__init__()
        self.dit = dit

    def forward(self, x: Tensor, t: Tensor, context: Tensor, facts: Tensor) -> Tensor:
        """Answer as the sampler is answered."""
        # Written out, for the library asks the values whether there is guidance, which exporters do not follow.
        wide = next(self.dit.parameters()).dtype
        twice = [torch.cat([value, value]).to(wide) for value in (x, t, facts)]
        text = torch.cat([context, torch.zeros_like(context)]).to(wide)
        both = self.dit._forward(
            twice[0], twice[1], cross_attn_cond=text, global_embed=twice[2], use_checkpointing=False
        ).float()
        given, free = both.chunk(2)
        return free + (given - free) * GUIDANCE


class Answering(nn.Module):
    """An answer in the transformer's place, asked as a sampling run asks it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor, t: Tensor, **options: Any) -> Tensor:
        """Take from the options what the transformer uses of them."""
        return self.answer(x, t, options["cross_attn_cond"], options["global_embed"])


def without_gradients(answer: Answer) -> Answer:
    """Let an answer be asked as in sampling."""

    def ask(x: Tensor, t: Tensor, context: Tensor, facts: Tensor) -> Tensor:
        with torch.no_grad():
            return answer(x, t, context, facts)

    return ask
