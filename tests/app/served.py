"""A study of short synthetic clips, and the real server in a process of its own."""

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
from databases import KEPT

from app.settings import Settings, load_secrets
from app.verbs.study.serve import REQUEST_SECONDS
from db import Store, database_url, open_engine
from survey.clips.manifest import Clip, Manifest, write_manifest
from survey.clips.sizes import padded

ROOT = Path(__file__).parents[2]
PROMPTS = (
    "a dog barking in the distance while rain falls on a tin roof",
    "heavy rain on a window",
    "a steam train leaving the station",
    "church bells on a windy day",
    "someone typing on an old typewriter",
)
# As the sentence encoder finds them.
FOILS = {"p1": ["p5"], "p2": ["p5"], "p3": [], "p4": ["p5"], "p5": ["p1", "p4", "p2"]}
CONDITIONS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")
RATE = 44_100
SECONDS = 0.6
SEED = 20_240
ROOM = 2048  # bytes that the clips of a prompt are longer than they need be, so that another may take a place
PASSWORD = "correct horse"


def write_study(
    folder: Path,
    *,
    seconds: float = SECONDS,
    session: str = "headphone_check: none",
    recruitment: str = "",
    scale: str = "",
    scales: str = "",
    conditions: tuple[str, ...] = CONDITIONS,
    clips_of: tuple[str, ...] | None = None,
) -> Path:
    """Write a study of five prompts under three conditions: filtered noise, no two clips alike.

    There are clips of the `conditions`, unless `clips_of` names others.
    """
    print(f"clips from seed {SEED}")
    rng = np.random.default_rng(SEED)
    clips_folder = folder / "clips"
    clips_folder.mkdir(parents=True)
    prompts = "".join(f"  - {text}\n" for text in PROMPTS)
    (folder / "study.yaml").write_text(
        f"name: listening\nmodel: mini\nconditions: [{', '.join(conditions)}]\nprompts:\n{prompts}"
        f"sampling: {{seconds: {seconds}}}\nsession: {{{session}}}\nrecruitment: {{{recruitment}}}\n"
        f"{f'scales: [{scales}]' if scales else f'scale: {{{scale}}}'}\n",
        encoding="utf-8",
    )
    clips = []
    for number, prompt in enumerate(PROMPTS, 1):
        sounds = {}
        for condition in clips_of or conditions:
            noise = rng.standard_normal((int(seconds * RATE), 2))
            width = 2 + 3 * number
            sound = np.apply_along_axis(lambda x, w=width: np.convolve(x, np.ones(w) / w, "same"), 0, noise)
            loudness = pyloudnorm.Meter(RATE).integrated_loudness(sound)
            sound *= 10 ** ((-26 - loudness) / 20)
            sounds[f"p{number}.{condition}.1000"] = encoded(sound)
        size = max(map(len, sounds.values())) + ROOM
        for name, content in sounds.items():
            path = clips_folder / f"{name}.flac"
            path.write_bytes(padded(content, size))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            facts = (seconds, RATE, 2, 0.0, -26.0, {"device": "cpu"})
            clips.append(Clip(name, f"p{number}", prompt, name.split(".")[1], 1000, path.name, digest, *facts))
    variants = {name: {"checkpoint": None, "sha256": None} for name in conditions}
    manifest = Manifest("listening", "mini", "0.1.0", {"steps": 100}, variants, tuple(clips), FOILS)
    write_manifest(clips_folder / "manifest.json", manifest)
    return folder


def encoded(sound: np.ndarray) -> bytes:
    """Encode a sound as FLAC."""
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


class Server:
    """The server that users run, in its own process on a port of its own; it can be killed and started again."""

    def __init__(
        self,
        folder: Path,
        *,
        proxies: str = "",
        prefix: str = "",
        request_seconds: float = REQUEST_SECONDS,
        workers: int = 1,
    ) -> None:
        self.folder, self.proxies, self.prefix = folder, proxies, prefix
        self.request_seconds, self.workers = request_seconds, workers
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.with_name(f"{folder.name}.log")  # what the server says on the terminal
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return what starts it, without what is not this server's."""
        code = (
            "import sys; from pathlib import Path; from app.web.proxies import read_proxies; "
            "from app.verbs.study.serve import listen, run_server; "
            "folder, port, proxies, prefix, seconds, workers = sys.argv[1:]; "
            "run_server(Path(folder), listen('127.0.0.1', int(port)), browser=False, "
            "proxies=read_proxies(proxies) if proxies else (), prefix=prefix, request_seconds=float(seconds), "
            "workers=int(workers))"
        )
        arguments = [str(self.folder), str(self.port), self.proxies, self.prefix]
        return [sys.executable, "-c", code, *arguments, str(self.request_seconds), str(self.workers)]

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "EARMARK_ADMIN_PASSWORD": PASSWORD}
        environment["DATABASE_URL"] = KEPT.address(self.folder) or ""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                env=environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"the server ended at once: {self.log.read_text()}"
            try:
                with urllib.request.urlopen(self.url + "/healthz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)  # polling, not timing: the condition above decides
        raise AssertionError("the server did not answer within a minute")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self.wait()

    def wait(self) -> None:
        assert self._process is not None
        self._process.wait(20)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something has come to pass."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to pass within {seconds:.0f} s"
        time.sleep(0.02)  # polling, not timing: the condition above decides


def store_of(folder: Path) -> Store:
    """Open the store of a study as its server does: with the key under which tokens are stored."""
    settings = settings_of(folder)
    key = load_secrets(folder, settings).key
    return Store(open_engine(database_url(folder, settings.database_url)), "listening", key=key)


def settings_of(folder: Path, **changes: str) -> Settings:
    """Return the settings under which a study is served: with the tests' password, where its answers are kept."""
    return Settings(**{"admin_password": PASSWORD, "database_url": KEPT.address(folder)} | changes)
