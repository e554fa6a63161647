"""Several clips at once, each in a process of its own on one core, so that no clip depends on those beside it.

A small model's step is hundreds of operations that each take microseconds, most of them too small to be divided between
cores. Stacked into one tensor, several clips take less time, too, but the order of float32 sums, and with it the last
bits of a clip, may change with their number.

A process is a fork of this one: it shares the model's memory, and writes to none of it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import torch

from quant.errors import QuantError
from quant.model.loading import AudioModel

Made = TypeVar("Made")

SMALL = 64_000_000
"""Parameters up to which a model's clips are rendered on one core each, several at once.

The embedded model has 8 million, and a clip of it takes some tens of megabytes. Stable Audio Open has a billion: its
products keep all cores busy, and a second clip beside the first would take its activations again.
"""


def on_one_core(model: AudioModel) -> bool:
    """Whether a clip of a model is rendered on one core, alone as beside others, so that it is the same.

    Counted by what the configuration says, so that it is the same for all conditions.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> on_one_core(load_model("mini"))
    True
    """
    if next(model.dit.parameters()).device.type != "cpu":
        return False
    dit = model.config["model"]["diffusion"]["config"]
    # Attention to itself (4), to the prompt (at most 4) and a gated feed-forward layer (12), each of width squared.
    transformer = 20 * int(dit.get("depth", 12)) * int(dit.get("embed_dim", 768)) ** 2
    pretransform = model.wrapper.pretransform
    decoder = 0 if pretransform is None else sum(value.numel() for value in pretransform.parameters())
    return bool(transformer + decoder <= SMALL)


def at_once(model: AudioModel, clips: int) -> int:
    """How many of ``clips`` are rendered at once: one for each of torch's threads where a clip takes one core.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> at_once(load_model("mini"), clips=1)
    1
    """
    # Elsewhere a fork is missing, or unsafe once a library has started threads.
    if not sys.platform.startswith("linux") or multiprocessing.current_process().daemon or not on_one_core(model):
        return 1
    return max(1, min(torch.get_num_threads(), clips))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Have torch compute on one thread for a while.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_processes(
    work: Callable[[int, Callable[[], None]], Made],
    count: int,
    processes: int,
    step: Callable[[], None] = lambda: None,
    before: Callable[[int], None] = lambda index: None,
) -> Iterator[tuple[int, Made]]:
    """Have ``work`` done for 0 to ``count - 1`` in forks of this process; yields (index, result) as each is done.

    Parameters
    ----------
    work
        Called in a fork with an index and what it calls after each step; its result must be pickled.
    step
        Called here after each step of any of them.
    before
        Called here with an index before the fork for it: what it keeps in memory is there in the fork.

    Raises
    ------
    Exception
        What ``work`` raised, for the first index of which it did; those that are under way are finished before, and no
        other is begun.
    QuantError
        If a process was killed.

    Examples
    --------
    >>> sorted(in_processes(lambda index, step: index**2, count=3, processes=2))
    [(0, 0), (1, 1), (2, 4)]
    """
    fork: Any = multiprocessing.get_context("fork")
    waiting, failed = iter(range(count)), dict[int, Exception]()
    running: dict[Connection, tuple[int, Any]] = {}
    try:
        while True:
            while len(running) < processes and not failed and (index := next(waiting, None)) is not None:
                before(index)
                here, there = fork.Pipe(duplex=False)
                process = fork.Process(target=_fork, args=(work, index, there, (*running, here)), daemon=True)
                process.start()
                there.close()
                running[here] = index, process
            if not running:
                break
            for here in wait(list(running)):
                assert isinstance(here, Connection)
                index, process = running[here]
                kind, value = _received(here, process, f"clip {index + 1} of {count}")
                if kind == "step":
                    step()
                    continue
                del running[here]
                here.close()
                process.join()
                if kind == "failed":
                    failed[index] = value
                else:
                    yield index, value
    finally:
        for here, (_, process) in running.items():
            process.kill()
            process.join()
            here.close()
    if failed:
        raise failed[min(failed)]


def _received(here: Connection, process: Any, which: str) -> tuple[str, Any]:
    try:
        kind, value = here.recv()
    except EOFError:
        process.join()
        code = process.exitcode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return "failed", QuantError(f"{which}: its process {how} before it was done; free some memory and run it again")
    return kind, value


def _fork(
    work: Callable[[int, Callable[[], None]], Made], index: int, there: Connection, inherited: Sequence[Connection]
) -> None:
    for here in inherited:  # or a pipe whose reader was killed would seem to have one, and a full one would wait for it
        here.close()
    # Ctrl-C reaches all processes of a terminal; the first of them ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # or the text encoder warns of the fork
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        there.send(("done", work(index, lambda: there.send(("step", None)))))
    except BrokenPipeError:  # nobody waits for it any more
        os._exit(1)
    except Exception as error:
        there.send(("failed", error))


def _end_with_parent() -> None:
    """End this fork when the process that it came of is killed: nobody waits for what it makes."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
