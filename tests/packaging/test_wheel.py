"""The wheel in an environment of its own, outside the repository: it makes a study and serves it."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from docs.tables.house import ROOT, tracked

OF_THE_WHEEL = ("analysis", "app", "db", "quant", "survey")
HERE = sysconfig.get_paths()["purelib"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of what is tracked, so that nothing is left in the repository."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for path in tracked():
        if path.parts[0] in (*OF_THE_WHEEL, "examples") or len(path.parts) == 1:
            (copy / path.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, copy / path)
    command = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(out), str(copy)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Install the wheel without what it asks for, which is taken from the packages that are here."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, symlinks=True, with_pip=False)
    libraries = place / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)

    def run(*arguments: str, beside: bool = True, **options) -> subprocess.CompletedProcess[str]:
        (libraries / "beside.pth").write_text(HERE if beside else "", encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PIP_NO_INDEX": "1"}
        environment |= {"PIP_FIND_LINKS": ""}
        given = {"capture_output": True, "text": True, "check": False, "cwd": place, "env": environment} | options
        return subprocess.run([str(place / "bin" / "earmark"), *arguments], **given)

    run.place = place
    return run


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {str(path) for path in tracked() if path.parts[0] in OF_THE_WHEEL}
    wanted |= {f"app/{path}" for path in tracked() if path.parts[0] == "examples"}
    assert wanted - held == set()
    assert {name for name in held if name.endswith(".py")} - wanted == {"atomic.py"}


def test_it_says_what_it_can_before_anything_is_installed(command):
    said = command("--help", beside=True)
    assert said.returncode == 0, said.stderr
    assert "serve" in said.stdout


def test_what_cannot_be_declared_is_installed_first_and_a_failure_is_one_line(command):
    said = command("new", "study", beside=False)
    assert said.returncode == 2
    first, second = said.stderr.splitlines()
    assert first.startswith("earmark: installing stable-audio-tools==")
    assert second.startswith("earmark: could not install them (")
    assert "check the network" in second


def answers(port: int) -> bool:
    """Say whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_makes_a_study_and_serves_it(command, tmp_path):
    made = command("new", str(tmp_path / "study"))
    assert made.returncode == 0, made.stderr
    assert "installing" not in made.stderr
    assert (tmp_path / "study" / "study.schema.json").is_file()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    serving = subprocess.Popen(
        [str(command.place / "bin" / "earmark"), "serve", str(tmp_path / "study"), "--port", str(port)],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not answers(port):
            assert serving.poll() is None, serving.stdout.read()
            assert time.monotonic() < deadline, "the server did not answer within a minute"
            time.sleep(0.1)  # polling, not timing: the condition above decides
        for path in ("/healthz", "/study/", "/texts/de.json", "/admin/login", "/favicon.ico"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                assert answer.status == 200, path
    finally:
        serving.terminate()
        serving.communicate(timeout=60)


def test_the_tests_and_benchmarks_are_in_the_repository_alone(command):
    for verb in (["test"], ["bench", "load"]):
        said = command(*verb)
        assert said.returncode == 2
        assert "in the repository alone" in said.stderr
