"""One clip in a process of its own, each part of its time apart; nothing is imported before that is timed, too."""

import json
import re
import time
from itertools import pairwise
from pathlib import Path
from statistics import median


def render_alone(checkpoint: Path, prompt: str, seconds: float, made: int, steps: int, cores: int) -> None:
    """Render a clip from a checkpoint with ``made`` of its ``steps``; print the seconds of each part as JSON."""
    moments = [time.perf_counter()]
    spent: dict[str, float] = {}

    def lap(name: str) -> None:
        moments.append(time.perf_counter())
        spent[name] = moments[-1] - moments[-2]

    import torch

    from quant.engine.checkpoint import load_checkpoint
    from quant.rendering.clips import to_pcm, write_flac
    from quant.rendering.sampling import Sampling, sample

    torch.set_num_threads(cores)
    lap("import_s")
    model, _ = load_checkpoint(checkpoint)
    lap("load_s")
    model.condition([prompt], seconds)
    lap("text_s")
    model.condition([prompt], seconds)
    lap("text_again_s")
    ends: list[float] = []
    settings = Sampling(steps=made, seconds=seconds)
    latents = sample(model, prompt, 1, settings, lambda done, total: ends.append(time.perf_counter()))
    lap("made_steps_s")
    audio = model.decode(latents)[0].numpy()
    lap("decode_s")
    samples = to_pcm(audio[:, : round(seconds * model.sample_rate)].T)
    write_flac(checkpoint.with_suffix(".flac"), samples, model.sample_rate)
    lap("file_s")
    spent["step_s"] = median(after - before for before, after in pairwise(ends))
    # Before the first step the prompt is encoded once more, which has been counted; what that took may have been less.
    first = ends[0] - moments[4] - spent.pop("text_again_s")
    spent["steps_s"] = max(first, spent["step_s"]) + (steps - 1) * spent["step_s"]
    parts = ("import_s", "load_s", "text_s", "steps_s", "decode_s", "file_s")
    spent["clip_s"] = sum(spent[part] for part in parts)
    # The kernel's record of this program's memory: that of getrusage includes the process that started it.
    (peak,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))
    spent["peak_rss_gb"] = int(peak) * 1024 / 1e9
    print(json.dumps(spent))
