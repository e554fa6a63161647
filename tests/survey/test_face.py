"""Importing the package, or a part of it, costs what that part needs and no more."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"numpy", "soundfile", "pyloudnorm", "scipy", "pydantic", "yaml", "sqlalchemy"}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("module", ["survey", "survey.records", "survey.session", "survey.questionnaire"])
def test_records_and_rules_cost_no_reading(module):
    assert loaded_by(f"import {module}") == set()


def test_a_design_costs_no_reading():
    assert loaded_by("from survey import Stimulus, StudyConfig, plan_session") == set()


def test_a_study_is_read_without_sound():
    assert loaded_by("from survey import load_config") == {"yaml", "pydantic"}


def test_help_reads_no_study():
    assert "pydantic" not in loaded_by(
        "from app.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nx = 0"
    )


def test_every_public_name_is_there():
    import survey

    assert all(getattr(survey, name) is not None for name in survey.__all__)
    with pytest.raises(AttributeError, match="Nothing"):
        getattr(survey, "Not" + "hing")
