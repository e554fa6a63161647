"""The verb check: a study at the launch gate, item by item."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import atomic
from app import __version__
from app.counts import counted
from app.errors import UsageError
from app.folder import read_study
from app.settings import load_settings
from app.verbs.options import study
from app.verbs.results.plan import PLANNED
from survey.config.session import PANELS

if TYPE_CHECKING:
    from survey import Manifest, StudyConfig
    from survey.launch.protocol import Item, Protocol


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    made.add_argument(
        "--panel", choices=PANELS, help="hold the study against this panel's rules; default: the study's platform"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="file to write the protocol to")


def run(arguments: argparse.Namespace) -> None:
    """Put a study through the launch gate, item by item: its clips, its plan, a panel's rules, what standards ask."""
    from app.study import refuse_changes

    folder, config = read_study(arguments.study)
    refuse_changes(folder, config, load_settings())
    panel = arguments.panel or (config.recruitment.platform if config.recruitment.platform in PANELS else None)
    manifest, items = _judged(folder, config)
    protocol = examined(folder, config, manifest, items, panel)
    print(*protocol.lines(), sep="\n")
    if arguments.json:
        about = {"study": config.name, "earmark": __version__, "panel": panel}
        _write(arguments.json, protocol.as_dict(**about))
    if protocol.failed:
        raise UsageError(_refusal(folder, protocol.failed))
    _passed(manifest)


def examined(
    folder: Path, config: StudyConfig, manifest: Manifest | None, items: list[Item], panel: str | None
) -> Protocol:
    """Put the items of the clips beside those of the plan and the panel, and beside what standards ask."""
    from survey.launch.panels import panel_items
    from survey.launch.plan import plan_item, unplanned
    from survey.launch.protocol import Protocol
    from survey.launch.standards import requirements

    kind = config.asked.first.type
    items = [*items, plan_item(config, _plan(folder)) if kind in PLANNED else unplanned(kind)]
    items += panel_items(config, panel) if panel else []
    return Protocol(tuple(items), tuple(requirements(config, manifest)))


def pass_gate(folder: Path, config: StudyConfig) -> None:
    """Say of clips that were just made what the launch gate finds.

    Raises
    ------
    UsageError
        If it finds faults.
    """
    manifest, items = _judged(folder, config)
    failed = [item for item in items if item.outcome == "fail"]
    for problem in (problem for item in failed for problem in item.problems):
        print(f"{problem.stimulus or 'study'}: {problem.message}", file=sys.stderr)
    if failed:
        raise UsageError(_refusal(folder, failed))
    _passed(manifest)


def _judged(folder: Path, config: StudyConfig) -> tuple[Manifest | None, list[Item]]:
    """Judge the clips, and remark on those that are noise or a drone, and on words not translated."""
    from app.study import check as launch_gate
    from survey import ManifestError, read_manifest
    from survey.clips.twins import twins
    from survey.config.wording import incomplete
    from survey.launch.clips import no_clips

    for line in incomplete(config):
        print(f"remark: study.yaml: {line}", file=sys.stderr)
    try:
        manifest = read_manifest(folder / "clips" / "manifest.json")
    except ManifestError as error:
        return None, no_clips(str(error))
    items = launch_gate(config, manifest, folder / "clips", len(os.sched_getaffinity(0)))
    for twin in twins(manifest, folder / "clips", config.analysis.baseline):
        if remark := twin.remark:
            print(f"remark: {twin.clip.stimulus} {remark}", file=sys.stderr)
    return manifest, items


def _passed(manifest: Manifest | None) -> None:
    print(f"{counted(len(manifest.clips) if manifest else 0, 'clip')} passed the launch gate")


def _refusal(folder: Path, failed: list[Item]) -> str:
    """Say in one line what is to be done before the study may open."""
    if len(failed) == 1 and not failed[0].problems:
        (item,) = failed
        return f"{folder}: {item.name}: {item.found}{f'; {item.remedy}' if item.remedy else ''}"
    faults = sum(max(1, len(item.problems)) for item in failed)
    names = ", ".join(item.name for item in failed)
    return f"{folder}: {counted(faults, 'fault')} found ({names}); fix before you open the study"


def _plan(folder: Path) -> dict[str, Any] | None:
    """Read what `earmark plan` wrote; None where it wrote nothing.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    path = folder / "plan" / "plan.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); run `earmark plan` again") from error
    if not isinstance(found, dict) or not {"own", "enough", "wanted", "question", "claim"} <= found.keys():
        raise UsageError(f"{path}: not a plan of Earmark; run `earmark plan` again")
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        with atomic.replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another with --json") from error
