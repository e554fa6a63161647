"""The first demo imports the server while another process renders."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]

DEMO = """
import argparse, subprocess, sys, threading
from app.verbs.study import demo

def rendering(*_, **__):
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    print("while it renders:", "app.server" in sys.modules)
    return subprocess.CompletedProcess([], 0)

print("before:", "app.server" in sys.modules)
subprocess.run = rendering
demo._embedded(argparse.Namespace(device="cpu", beyond_training=False))
"""


def test_the_server_is_imported_meanwhile(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", DEMO]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["before: False", "made the study demo-study/", "while it renders: True"]
