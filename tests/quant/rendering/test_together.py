"""Several clips at once: each is, byte for byte, the clip that is rendered alone, and none is touched by another."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import os
import random
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import QUICK, fresh, one_line
from torch import Tensor

from quant.engine.convert import quantize_
from quant.errors import NumberError, QuantError
from quant.method.calibration import Calibration, read_calibration
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel, load_model
from quant.rendering.calibrate import calibrate
from quant.rendering.clips import Samples, render, render_batch, render_each
from quant.rendering.sampling import SAMPLERS, Sampling, sample
from quant.rendering.together import at_once, in_processes, on_one_core

EVERY = [(objective, sampler) for objective, samplers in SAMPLERS.items() for sampler in samplers]
FEW = Sampling(steps=2, seconds=1.0)
WORDS = (
    "rain",
    "wind",
    "a dog",
    "barks",
    "far away",
    "in the night",
    "while",
    "somebody",
    "plays",
    "the piano,",
    "bell!",
)

pytestmark = pytest.mark.filterwarnings("ignore:Should have")  # torchsde, of times that it rounds


@pytest.fixture
def cores() -> Iterator[Callable[[int], None]]:
    """Set how many threads torch has, and so how many clips are rendered at once, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def chance(seed: int) -> random.Random:
    return random.Random(seed)


@pytest.fixture(scope="module")
def mini() -> AudioModel:
    return load_model("mini")


@pytest.fixture(scope="module")
def mini_calibration(mini: AudioModel, tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    return calibrate(mini, ["rain", "a dog"], FEW, tmp_path_factory.mktemp("mini") / "calibration.safetensors")


def some_clips(chance: random.Random, count: int) -> tuple[list[str], list[int]]:
    """Prompts of one word to many, so that each would be padded by another; seeds of which one may come twice."""
    prompts = [" ".join(chance.choices(WORDS, k=chance.choice((1, 2, 5, 20)))) for _ in range(count)]
    return prompts, [chance.choice((7, chance.randrange(2**31))) for _ in range(count)]


def agree(model: AudioModel, settings: Sampling, chance: random.Random, cores: Callable[[int], None]) -> None:
    """Compare a random clip alone with itself in a batch of 2 to 8, in two orders."""
    count = chance.randrange(2, 9)
    prompts, seeds = some_clips(chance, count)
    cores(chance.choice((2, 3)))
    found = render_batch(model, prompts, seeds, settings)
    order = chance.sample(range(count), count)
    again = render_batch(model, [prompts[i] for i in order], [seeds[i] for i in order], settings)
    assert all(np.array_equal(again[place], found[index]) for place, index in enumerate(order))
    one = chance.randrange(count)
    for threads in (1, 2):
        cores(threads)
        alone = render(model, prompts[one], seeds[one], settings)
        assert alone.tobytes() == found[one].tobytes(), (count, one, threads)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_clip_of_every_variant_is_the_one_rendered_alone(
    mini_calibration: Calibration, chance: random.Random, cores: Callable[[int], None], name: str
) -> None:
    model = load_model("mini")
    if VARIANTS[name].scheme is not None:
        quantize_(model, VARIANTS[name], mini_calibration)
    agree(model, FEW, chance, cores)


@pytest.mark.parametrize(("objective", "sampler"), EVERY)
def test_a_clip_of_every_sampler_is_the_one_rendered_alone(
    at_home: Path,
    loaded: dict[str, AudioModel],
    chance: random.Random,
    cores: Callable[[int], None],
    objective: str,
    sampler: str,
) -> None:
    agree(loaded[objective], replace(QUICK, sampler=sampler), chance, cores)


@pytest.mark.parametrize(
    "variant",
    [replace(VARIANTS["sqd-lora-w8a8"], groups=2), replace(VARIANTS["sqd-w8a8-cache"], cache=100.0)],
    ids=["groups", "cache"],
)
def test_what_changes_from_step_to_step_is_not_carried_to_another_clip(
    at_home: Path,
    folders: dict[str, Path],
    calibration_file: Path,
    chance: random.Random,
    cores: Callable[[int], None],
    variant: Variant,
) -> None:
    model = fresh(folders["v"])
    quantize_(model, variant, read_calibration(calibration_file))
    agree(model, QUICK, chance, cores)


def test_a_clip_is_the_librarys_sampling_of_its_own_noise(
    at_home: Path, loaded: dict[str, AudioModel], cores: Callable[[int], None]
) -> None:
    """Initial noise and the noise on the way: that of each clip's own seed, not of the first."""
    model = loaded["v"]
    expected = [as_samples(model, sample(model, "rain", seed, QUICK)) for seed in (5, 6, 7)]
    cores(3)
    found = render_batch(model, ["rain"] * 3, [5, 6, 7], QUICK)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert not np.array_equal(found[0], found[1])


def as_samples(model: AudioModel, latents: Tensor) -> Samples:
    audio = model.decode(latents)[0].numpy()[:, : round(QUICK.seconds * model.sample_rate)].T
    return np.rint(audio / np.abs(audio).max() * 32767).astype(np.int16)


# --- what is told, and left behind ----------------------------------------------------------------


def test_every_step_is_counted_once_and_nothing_of_this_process_changes(
    at_home: Path, loaded: dict[str, AudioModel], cores: Callable[[int], None]
) -> None:
    cores(2)
    before, calls = torch.get_rng_state(), list[tuple[int, int]]()
    made = list(render_each(loaded["v"], ["rain", "hail", "wind"], [5, 5, 6], QUICK, lambda *call: calls.append(call)))
    assert calls == [(step, 9) for step in range(1, 10)]
    assert sorted(one.index for one in made) == [0, 1, 2]
    assert all(one.together == 2 and one.share == one.seconds / 2 > 0 for one in made)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == 2
    assert not multiprocessing.active_children()


def test_none_and_unequal_lists(at_home: Path, loaded: dict[str, AudioModel]) -> None:
    assert render_batch(loaded["v"], [], [], QUICK) == []
    with pytest.raises(ValueError, match="shorter"):
        render_batch(loaded["v"], ["rain", "hail"], [5], QUICK)


def test_a_clip_that_is_no_number_is_named_and_the_others_are_whole(
    at_home: Path, folders: dict[str, Path], cores: Callable[[int], None]
) -> None:
    """One prompt's conditioning alone is spoilt."""
    model = fresh(folders["v"])
    expected = render(model, "surf", 7, QUICK)
    states = model.wrapper.conditioner.conditioners["prompt"]

    def spoil(_: object, given: tuple[list[str], object], out: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return (out[0] * torch.nan, out[1]) if given[0] == ["wind"] else out

    states.register_forward_hook(spoil)
    cores(2)
    made: list[Samples] = []
    each = render_each(model, ["wind", "surf"], [6, 7], QUICK, names=["p1.baseline.6", "p2.baseline.7"])
    with pytest.raises(NumberError) as caught:
        made.extend(one.samples for one in each)
    message = one_line(caught.value)
    assert message.startswith("p1.baseline.6: 'wind', seed 6: NaN or infinity at step 1 of 3, in the conditioning, ")
    assert len(made) == 1
    assert np.array_equal(made[0], expected)


def test_an_interrupt_ends_all_of_them(
    at_home: Path, loaded: dict[str, AudioModel], cores: Callable[[int], None]
) -> None:
    cores(2)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_batch(
            loaded["v"], ["rain", "hail", "wind"], [5, 6, 7], replace(QUICK, steps=500, sampler="dpmpp-2m"), stop
        )
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_is_said_and_the_rest_of_those_at_work_stays() -> None:
    def work(index: int, step: Callable[[], None]) -> int:
        if index == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    made: list[int] = []
    with pytest.raises(QuantError) as caught:
        made.extend(index for index, _ in in_processes(work, 2, 2))
    assert re.fullmatch(r"clip 1 of 2: its process was killed by signal 9 .*; free some memory .*", str(caught.value))
    assert not multiprocessing.active_children()


def test_no_process_outlives_the_one_that_began_it() -> None:
    """Killed, it can end none of them: each ends in the midst of its step, and the lock that they inherited is free."""
    lines = (
        "from quant.rendering.together import in_processes",
        "def work(index, step):",
        "    step()",
        "    while True: pass",
        "print(end='.', flush=True)",
        "for _ in in_processes(work, 3, 3): pass",
    )
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdout=write) as main:
        os.close(write)
        while len(forks := Path(f"/proc/{main.pid}/task/{main.pid}/children").read_text().split()) < 3:
            assert main.poll() is None
        main.kill()
    try:
        with open(read, "rb", buffering=0) as held:  # its end is that of the last process that has the other side
            assert held.read(1) == b"."
            assert select.select([held], [], [], 10)[0], "they are still there"
            assert not held.read(1)
    finally:
        for fork in forks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(fork), signal.SIGKILL)


def test_what_comes_first_is_raised_and_no_other_is_begun(seed: int) -> None:
    begun: list[int] = []

    def work(index: int, step: Callable[[], None]) -> int:
        raise ValueError(f"{index} of {seed}")

    with pytest.raises(ValueError, match=rf"^0 of {seed}$"):
        list(in_processes(work, 5, 2, before=begun.append))
    assert begun == [0, 1]


# --- what takes one core --------------------------------------------------------------------------


def test_a_large_model_has_all_cores_and_one_clip_at_a_time(
    loaded: dict[str, AudioModel], cores: Callable[[int], None]
) -> None:
    """As large as Stable Audio Open 1.0 and small, by their configurations."""
    model = loaded["v"]
    cores(2)
    assert at_once(model, 8) == (2 if sys.platform.startswith("linux") else 1)
    assert at_once(model, 1) == 1
    for width, depth in ((1536, 24), (1024, 16)):
        config = copy.deepcopy(model.config)
        config["model"]["diffusion"]["config"] |= {"embed_dim": width, "depth": depth}
        large = replace(model, config=config)
        assert not on_one_core(large)
        assert at_once(large, 8) == 1
