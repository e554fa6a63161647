"""The examples of each type of question run from their folders, on clips that lie beside them, without a model."""

import shutil
from pathlib import Path

import pytest
from routes import Routes
from served import ROOT

from app.cli import main
from survey import QUESTION_TYPES, load_config

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/study.yaml") if path.parent.name != "demo")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the examples as they are in the repository, without what came of running them there."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(ROOT / "examples" / "clips", folder / "clips")
    for name in EXAMPLES:
        (folder / name).mkdir()
        shutil.copyfile(ROOT / "examples" / name / "study.yaml", folder / name / "study.yaml")
    return folder


def test_there_is_an_example_of_every_type_and_of_several_scales():
    configs = [load_config(ROOT / "examples" / name / "study.yaml") for name in EXAMPLES]
    assert {scale.type for config in configs for scale in config.asked.scales} == set(QUESTION_TYPES)
    assert any(config.asked.several and config.translations for config in configs)
    sizes = [path.stat().st_size for path in (ROOT / "examples" / "clips").rglob("*.ogg")]
    assert len(sizes) == 9
    assert sum(sizes) < 700_000


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes_the_gate_and_is_served(name, examples, capsys):
    assert main(["generate", str(examples / name)]) == 0
    said = capsys.readouterr()
    assert "passed the launch gate" in said.out
    assert "remark" not in said.err
    routes = Routes(examples / name)
    try:
        assert routes.study.ready
        state = routes.begin("Anna")
        assert state["stage"] == "practice"
        sound = routes.visitor("Anna").get(state["trial"]["urls"][0])
        assert (sound.status_code, sound.content[:4]) == (200, b"fLaC")
    finally:
        routes.study.close()


def test_an_example_in_two_languages_asks_in_both(examples):
    folder = examples / "several"
    assert main(["generate", str(folder)]) == 0
    routes = Routes(folder)
    try:
        routes.visitor("Bert").headers["accept-language"] = "de"
        state = routes.begin("Bert")
        assert [scale["question"] for scale in state["scales"]][1:] == [
            "Wie gut ist der Klang selbst?",
            "Wie natürlich klingt es?",
        ]
        assert state["scales"][1]["ends"] == ["schlecht", "ausgezeichnet"]
        assert state["scales"][1]["marks"]["ends"] == {"lang": "de", "dir": "ltr"}
        assert state["scales"][0]["marks"] == {}, "the page has words for it"
        assert state["trial"]["prompt"] in ("eine Kirchenglocke", "ein bellender Hund", "jemand spielt Klavier")
    finally:
        routes.study.close()
