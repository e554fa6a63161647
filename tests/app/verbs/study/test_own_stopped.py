"""Ctrl-C while many own clips are imported."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
from own_sounds import write_tree
from served import ROOT


def test_ctrl_c_is_quiet_while_processes_start(tmp_path, seed):
    """The first process has written a clip; others are just being started."""
    names = tuple(f"p{number}" for number in range(70))
    source = write_tree(tmp_path / "source", np.random.default_rng(seed), prompts=names, seconds=0.1)
    command = [sys.executable, "-m", "app", "new", str(tmp_path / "study"), "--clips", str(source)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    folder = tmp_path / "study" / "clips"
    while process.poll() is None and not list(folder.glob("*.flac")):
        time.sleep(0.001)  # polls for the first clip
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "run the same command" in said
