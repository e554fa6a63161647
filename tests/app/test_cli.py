"""The command line: bad input ends in one line that helps, exit code 2, and nothing half-written."""

import os
import pydoc
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import OUR_ERRORS, main
from app.folder import ROOT, create_study
from survey.config.reading import load_config

STUDY = "name: s\nmodel: mini\nconditions: [baseline]\nprompts: [rain]\n"


def complaint(capsys) -> str:
    text = capsys.readouterr().err.strip()
    assert text.startswith("earmark: ")
    assert "\n" not in text
    return text


def study(tmp_path, text=STUDY):
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize("name", OUR_ERRORS)
def test_errors_are_called_so(name):
    assert issubclass(pydoc.locate(name), Exception)


@pytest.mark.parametrize(
    "verb", ["calibrate", "quantize", "inspect", "generate", "check", "serve", "status", "export", "revise"]
)
def test_a_folder_without_a_study(verb, tmp_path, capsys):
    assert main([verb, str(tmp_path)]) == 2
    assert "no study here" in complaint(capsys)
    assert list(tmp_path.iterdir()) == []


def test_commands_in_messages_are_as_the_user_types_them(tmp_path):
    """Whoever has a clone types ./earmark, and whoever has the package earmark."""
    study(tmp_path)
    for typed in ("./earmark", "earmark"):
        environment = {name: value for name, value in os.environ.items() if name != "EARMARK_COMMAND"}
        environment |= {"PYTHONPATH": str(ROOT)} | ({"EARMARK_COMMAND": typed} if typed == "./earmark" else {})
        for arguments, said in (
            (
                ["check", str(tmp_path)],
                f"manifest.json: there are no clips yet; run `{typed} generate` first\n",
            ),
            (["state", str(tmp_path)], f"{typed} state: error: the following arguments are required: launch|pause|"),
        ):
            command = [sys.executable, "-m", "app", *arguments]
            ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
            assert ended.returncode == 2
            assert said in ended.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (STUDY + "sessoin: {}\n", ["sessoin", "unknown"]),
        (STUDY + "session: {ordr: fixed}\n", ["session.ordr", "order"]),
        (STUDY.replace("[baseline]", "[baseline, sqs-w2a2]"), ["sqs-w2a2", "sqs-w8a8"]),
        (STUDY.replace("[rain]", "['']"), ["prompts", "number 1"]),
        (STUDY.replace("rain", "r" * 10_000), ["prompts", "number 1"]),
        (STUDY + "sampling: {steps: 0}\n", ["sampling.steps"]),
        (STUDY + "sampling: {sampler: euler-x}\n", ["sampling.sampler", "dpmpp-3m-sde"]),
    ],
)
def test_a_study_that_cannot_be(text, words, tmp_path, capsys):
    assert main(["generate", study(tmp_path, text)]) == 2
    said = complaint(capsys)
    assert all(word in said for word in words), said
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_a_model_that_is_not_there(tmp_path, capsys):
    assert main(["generate", study(tmp_path, STUDY.replace("mini", "maxi"))]) == 2
    assert "maxi" in (said := complaint(capsys))
    assert "stable-audio-open-1.0" in said


def test_a_truncated_weight_file(tmp_path, capsys):
    from quant.pretrained.folder import MINI_FOLDER

    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model_config.json").write_bytes((MINI_FOLDER / "model_config.json").read_bytes())
    (tmp_path / "m" / "model.safetensors").write_bytes((MINI_FOLDER / "model.safetensors").read_bytes()[:100_000])
    assert main(["generate", study(tmp_path, STUDY.replace("mini", "m"))]) == 2
    assert "model.safetensors" in complaint(capsys)
    assert not (tmp_path / "clips").exists()


def test_a_sampler_of_another_objective(tmp_path, capsys):
    assert main(["generate", study(tmp_path, STUDY + "sampling: {sampler: pingpong}\n")]) == 2
    assert "pingpong" in (said := complaint(capsys))
    assert "dpmpp-3m-sde" in said


@pytest.mark.parametrize("verb", ["demo", "serve"])
def test_a_port_in_use(verb, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main([verb, "--port", str(taken.getsockname()[1])]) == 2
    assert "--port" in complaint(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("given", ["", "nginx", "10.0.0.1/8", "127.0.0.1,"])
def test_a_proxy_that_has_no_address(given, tmp_path, capsys):
    assert main(["serve", study(tmp_path), "--port", "0", "--proxy", given]) == 2
    assert "--proxy" in (said := complaint(capsys))
    assert "10.1.0.0/16" in said
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["new", str(tmp_path / "file" / "study")]) == 2
    assert "cannot be written" in complaint(capsys)


def test_new_keeps_what_is_there(tmp_path, capsys):
    folder = tmp_path / "s"
    assert main(["new", str(folder), "--model", "stable-audio-open-1.0"]) == 0
    text = (folder / "study.yaml").read_text()
    assert "model: stable-audio-open-1.0" in text
    capsys.readouterr()
    assert main(["new", str(folder)]) == 2
    assert (folder / "study.yaml").read_text() == text


@pytest.mark.parametrize(
    "name",
    ["pilot", "Hörtest 3", "2026-01-01", "true", "a: b", "# c", "'", "study\x07", "n" * 120, "no", "1e3", "null"],
)
def test_a_new_study_is_called_as_its_folder_is(name, tmp_path):
    assert main(["new", str(tmp_path / name)]) == 0
    wanted = "".join(letter for letter in name if letter.isprintable())[:100]
    assert load_config(tmp_path / name / "study.yaml").name == wanted


@pytest.mark.parametrize("template", ["study.yaml", "demo/study.yaml"])
def test_a_new_study_brings_the_schema_that_it_names(template, tmp_path):
    create_study(tmp_path / "s", (ROOT / "examples" / template).read_text(encoding="utf-8"))
    first = (tmp_path / "s" / "study.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=study.schema.json"
    shipped = ROOT / "examples" / "study.schema.json"
    assert (tmp_path / "s" / "study.schema.json").read_bytes() == shipped.read_bytes()


def test_check_before_there_are_clips(tmp_path, capsys):
    assert main(["check", study(tmp_path)]) == 2
    assert "earmark generate" in complaint(capsys)


def test_export_where_it_cannot_be_written(tmp_path, capsys):
    assert main(["export", study(tmp_path), "-o", str(tmp_path / "study.yaml" / "r.csv")]) == 2
    assert "cannot be written" in complaint(capsys)


@pytest.mark.parametrize(("name", "words"), [("sqs-w2a2", "choose from"), ("baseline", "full precision")])
def test_inspect_a_variant_that_cannot_be(name, words, tmp_path, capsys):
    assert main(["inspect", study(tmp_path), "--variant", name]) == 2
    said = complaint(capsys)
    assert name in said
    assert words in said
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_inspect_where_it_cannot_be_written(tmp_path, capsys):
    assert main(["inspect", study(tmp_path), "-o", str(tmp_path / "study.yaml" / "there")]) == 2
    assert "choose another with -o" in complaint(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_analyze_a_file_that_is_not_there(tmp_path, capsys):
    assert main(["analyze", str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in complaint(capsys)


def test_an_unknown_benchmark(capsys):
    assert main(["bench", "report"]) == 2  # a file of the folder, but no benchmark
    said = "choose from analysis, archive, batch, clip, coverage, cuda, desk, export, faults, fuzz, generate, load"
    assert said in complaint(capsys)
    assert main(["bench", "nothing"]) == 2
    assert "road" in complaint(capsys)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve", "--port", "70000"], ["check", "--fast"]])
def test_usage_errors_have_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert f"usage: earmark {arguments[0]} " in said if len(arguments) > 1 else "usage: earmark" in said


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("EARMARK_LOG", "verbose", "use one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("EARMARK_SECRET", "short", "shorter than 16 characters"),
        ("EARMARK_ADMIN_PASSWORD", "short", "shorter than 8 characters"),
        ("DATABASE_URL", "postgresql://host:port/name", "not an address of a database"),
        ("DATABASE_URL", "sqlite://", "a database in memory forgets every answer"),
    ],
)
def test_an_impossible_environment_is_refused_in_one_line(tmp_path, capsys, monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    assert main(["status", study(tmp_path)]) == 2
    said = complaint(capsys)
    assert name in said
    assert words in said
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_an_empty_level_of_the_log_is_the_default(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("EARMARK_LOG", "")
    assert main(["status", study(tmp_path)]) == 0
    assert "0 finished of 20 wanted, 0 under way" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    folder = study(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-m", "app", "status", folder], cwd=root, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")
