"""Dockerfile, compose.yaml and the systemd unit: linted where there is no engine, and held to what they promise."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.cli import parser
from docs.tables.house import ROOT

DOCKERFILE, UNIT = ROOT / "Dockerfile", ROOT / "deploy" / "earmark.service"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
MOST_EXPOSED = 2.0  # of 10, as systemd counts


def test_the_dockerfile_passes_hadolint():
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([str(linter), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_holds_what_is_there_and_runs_as_nobody():
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    copied = [part for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M) for part in line.split()]
    assert all((ROOT / part).exists() for part in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    assert all(part in kept or part.startswith("requirements") for part in copied)
    assert re.findall(r"^USER (\d+)$", text, re.M)[-1] != "0"
    assert "HEALTHCHECK" in text
    given = yaml.safe_load(re.findall(r"^CMD (\[.+\])$", text, re.M)[-1])
    assert parser().parse_args(given).host == "0.0.0.0"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_writes_only_where_it_must_and_says_how_it_is(name):
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert "healthcheck" in service or "build" in service  # the image has its own
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    for volume in service["volumes"]:
        source, target, *_ = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", volume).split(":")
        assert target.startswith("/")
        assert source in COMPOSE["volumes"] or source == "./study" or (ROOT / source).exists()
    if name != "caddy":
        assert "ports" not in service, "what is not behind the proxy is not reached"


def test_secrets_have_no_default_and_the_server_believes_the_proxys_network():
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    for secret in ("POSTGRES_PASSWORD", "EARMARK_SECRET", "EARMARK_ADMIN_PASSWORD"):
        assert set(re.findall(rf"\$\{{{secret}(..)", text)) == {":?"}
    given = parser().parse_args(COMPOSE["services"]["earmark"]["command"])
    assert given.proxy == COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]
    assert COMPOSE["networks"]["back"]["internal"] is True


def test_the_unit_is_one_and_exposes_little(tmp_path):
    text = UNIT.read_text(encoding="utf-8")
    started = shlex.split(re.findall(r"^ExecStart=(.+)$", text, re.M)[0])
    assert parser().parse_args(started[1:]).host == "127.0.0.1"
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return  # what follows is systemd's own word
    here = tmp_path / "earmark.service"
    here.write_text(text.replace(started[0], shutil.which("true") or "/bin/true"), encoding="utf-8")
    verified = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    judged = subprocess.run(
        [analyze, "security", "--offline=true", f"--threshold={int(MOST_EXPOSED * 10)}", str(here)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout[-300:]


def test_compose_yaml_is_what_compose_reads(tmp_path):
    """By the schema of the Compose specification; one that is misspelt is refused by it."""
    checker = [str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    misspelt = tmp_path / "compose.yaml"
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    misspelt.write_text(text.replace("read_only:", "readonly:", 1), encoding="utf-8")
    for path, code in ((ROOT / "compose.yaml", 0), (misspelt, 1)):
        done = subprocess.run([*checker, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout
