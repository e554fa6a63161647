"""Whether anybody can take part, as `earmark status` and `earmark serve` say it."""

import subprocess
import sys
from pathlib import Path

import pytest
from served import ROOT

from app.cli import main

HOLDS = """
import sys
from pathlib import Path
from app.progress import Progress
with Progress(Path(sys.argv[1]), 200) as progress:
    progress.advance(50)
    progress.say("calibrating")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def unrendered(tmp_path: Path) -> Path:
    text = "name: quiet\nmodel: mini\nconditions: [baseline]\nprompts: [rain]\n"
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_study_that_is_being_rendered_is_not_told_to_render(unrendered, capsys):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(unrendered)], cwd=ROOT, **pipes) as rendering:
        assert rendering.stdout.readline() == b"held\n"
        assert main(["status", str(unrendered)]) == 0
        assert capsys.readouterr().out.startswith("quiet: clips are being rendered, 25% is done\n")
        rendering.stdin.close()
    assert main(["status", str(unrendered)]) == 0
    assert capsys.readouterr().out.startswith("quiet: clips are missing or faulty; run earmark generate\n")


def test_a_server_that_lets_nobody_in_says_so_at_once(unrendered):
    command = [sys.executable, "-m", "app", "serve", str(unrendered), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        said = []
        while not (said and "Ctrl-C" in said[-1]):
            said.append(server.stdout.readline())
            assert said[-1], said
        server.terminate()
    assert "  not open yet: clips are missing or faulty; run earmark generate\n" in said
