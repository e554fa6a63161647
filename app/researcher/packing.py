"""All tables of a study in one file, made by the verb export in a process of its own: no participant waits for it."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO

from fastapi.concurrency import contextmanager_in_threadpool
from starlette.requests import ClientDisconnect

import atomic
from app.errors import RequestError
from app.researcher.jobs import NICE, environment

LOOK_SECONDS = 0.5  # until it is seen that whoever asked is gone


async def pack(folder: Path, form: str, gone: Callable[[], Awaitable[bool]]) -> IO[bytes]:
    """Write a study's tables without identities, and pack them into a file that has no name any more.

    `gone` says whether nobody waits for it; then the work ends, and nothing of it is left.

    Raises
    ------
    RequestError
        If the format cannot hold them, or the disk.
    ClientDisconnect
        If nobody waits.
    """
    place = contextmanager_in_threadpool(atomic.scratch(Path(tempfile.gettempdir()), "earmark-export-"))
    try:
        async with place as made:
            tables, packed = made / "tables", made / "packed.zip"
            beside = ("--wide", "--sessions", "--events")
            await _run(made, gone, "app", "export", str(folder), "-o", str(tables / f"ratings.{form}"), *beside)
            await _run(made, gone, "zipfile", "-c", str(packed), *sorted(map(str, tables.iterdir())))
            return packed.open("rb")
    except OSError as error:
        raise RequestError(507, f"The tables cannot be packed: {error.strerror}") from error


async def _run(place: Path, gone: Callable[[], Awaitable[bool]], *command: str) -> None:
    """Run a module of Python, whose own temporary files go into `place`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(TMPDIR=str(place)),
    )
    ended = asyncio.ensure_future(process.communicate())
    try:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        while not (await asyncio.wait([ended], timeout=LOOK_SECONDS))[0]:
            if await gone():
                raise ClientDisconnect
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # also where the server ends
        await ended
    if process.returncode:
        lines = ended.result()[1].decode(errors="replace").strip().splitlines() or [f"code {process.returncode}"]
        said = lines[-1].removeprefix("earmark: ").replace(f"{place}/tables/", "")
        raise RequestError(507, f"The tables cannot be written: {said}")
