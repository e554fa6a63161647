"""Headphones that nobody wears: a sound server of the tests' own, whose one output can be plugged in and out."""

import os
import signal
import subprocess
import time
from pathlib import Path


class Ears:
    """An output that keeps time and throws the sound away."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:{folder / 'native'}"
        self._environment = {**os.environ, "PULSE_SERVER": self.address, "HOME": str(folder)}
        self._environment |= dict.fromkeys(("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"), str(folder))
        command = [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
            "--disable-shm=yes",
        ]
        modules = ["-L", f"module-native-protocol-unix socket={folder / 'native'} auth-anonymous=1"]
        self._log = folder / "pulseaudio.log"
        with self._log.open("wb") as out:
            self._process = subprocess.Popen([*command, *modules], env=self._environment, stdout=out, stderr=out)
        self._wait()
        self._plugged = False
        self.plug()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while self._control("info").returncode:
            assert self._process.poll() is None, f"PulseAudio ended at once: {self._log.read_text()}"
            assert time.monotonic() < deadline, f"PulseAudio did not start: {self._log.read_text()}"
            time.sleep(0.05)  # polling, not timing: the conditions above decide

    def _control(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["pactl", *words], env=self._environment, capture_output=True, check=False)

    def plug(self) -> None:
        if not self._plugged:
            assert not self._control("load-module", "module-null-sink").returncode
        self._plugged = True

    def unplug(self) -> None:
        if self._plugged:
            assert not self._control("unload-module", "module-null-sink").returncode
        self._plugged = False

    def stall(self) -> None:
        """Take no more sound, as a headset does that is out of reach."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
