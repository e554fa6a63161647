"""The verb check: a study's clips at the launch gate."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.counts import counted
from app.errors import UsageError
from app.folder import read_study
from app.settings import load_settings
from app.verbs.options import study

if TYPE_CHECKING:
    from survey import StudyConfig


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)


def run(arguments: argparse.Namespace) -> None:
    """Put the clips through the launch gate: silence, clipping, length, duplicates, missing cells, noise and more."""
    from app.study import refuse_changes

    folder, config = read_study(arguments.study)
    refuse_changes(folder, config, load_settings())
    pass_gate(folder, config)


def pass_gate(folder: Path, config: StudyConfig) -> None:
    """Print what the launch gate finds, and remark on clips that are noise or a drone, and on words not translated.

    Raises
    ------
    UsageError
        If it finds faults.
    """
    from app.study import check as launch_gate
    from survey import read_manifest
    from survey.clips.twins import twins
    from survey.config.wording import incomplete

    for line in incomplete(config):
        print(f"remark: study.yaml: {line}", file=sys.stderr)
    manifest = read_manifest(folder / "clips" / "manifest.json")
    problems = launch_gate(config, manifest, folder / "clips", len(os.sched_getaffinity(0)))
    for twin in twins(manifest, folder / "clips", config.analysis.baseline):
        if remark := twin.remark:
            print(f"remark: {twin.clip.stimulus} {remark}", file=sys.stderr)
    for problem in problems:
        print(f"{problem.stimulus or 'study'}: {problem.message}", file=sys.stderr)
    if problems:
        raise UsageError(
            f"{folder}: {counted(len(problems), 'fault')} found in the clips; fix before you open the study"
        )
    print(f"{counted(len(manifest.clips), 'clip')} passed the launch gate")
