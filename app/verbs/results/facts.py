"""Facts of a study for its report: from the configuration that is frozen, the manifest and the sessions."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.verbs.results.spoken import labels_in, only_language, question_in, spoken_in

if TYPE_CHECKING:
    from analysis import Answers
    from analysis.read.facts import ClipFacts, Headphones, StudyFacts
    from survey import Clip, Manifest, StudyConfig
    from survey.config.session import SessionRules


def study_facts(
    config: StudyConfig,
    manifest: Manifest | None = None,
    *,
    rated: Collection[str] = (),
    headphones: Mapping[str, str] | None = None,
    languages: Mapping[str, int] | None = None,
) -> StudyFacts:
    """Say what is known of a study beyond its ratings.

    Parameters
    ----------
    config
        The study's frozen configuration.
    manifest
        The manifest of its clips; None where there is none.
    rated
        Hashes of the clips that were rated.
    headphones
        For each analysed rater `passed`, `failed` or nothing, as the headphone check came out; None where not known.
    languages
        How many of the analysed raters took part in each language, by its code; empty for one that is not known.
    """
    from analysis.read.facts import Asked, SessionFacts, StudyFacts

    session, scale, languages = config.session, config.scale, languages or {}
    only = only_language(languages)  # what was asked in one language is told as it was asked
    return StudyFacts(
        name=config.name,
        question=question_in(config, only),
        conditions=config.conditions,
        prompts=tuple(prompt.text for prompt in config.prompts),
        earmark=__version__,
        asked=scale.type,
        labels=labels_in(config, scale, only),
        scales={
            one.name or "": Asked(one.type, question_in(config, only, one), labels_in(config, one, only))
            for one in (config.asked.scales if config.asked.several else ())
        },
        margin_from="study",
        stopping="" if config.analysis.stopping == "none" else config.analysis.stopping,
        session=SessionFacts(
            order=session.order,
            prompts=session.prompts_per_participant or None,
            practice=session.practice,
            must_listen=session.must_listen,
            checks={
                "mismatched clip": session.attention_checks,
                "hidden repeat": session.repeats,
                "instructed answer": session.instructed_checks,
                "gold clip": session.gold_checks,
            },
            headphones=_headphones(session, headphones) if session.headphone_check != "none" else None,
        ),
        clips=_clips(manifest, rated) if manifest else None,
        languages=spoken_in(config, languages),
    )


def heard(export: Path) -> tuple[set[str], dict[str, str] | None]:
    """Read from a study's export the hashes of the clips that were rated, and who passed the headphone check.

    The second is by rater `passed`, `failed` or empty where the check is not over; None where the export is silent.
    """
    clips, passed, told = set(), {}, False
    with export.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        told = "headphones" in (reader.fieldnames or ())
        for row in reader:
            if row["kind"] == "trial":
                clips.add(row["clip_sha256"])
                passed[row["participant"]] = row.get("headphones", "")
    return clips, passed if told else None


def with_anchors(
    loaded: Sequence[Answers], manifest: Manifest | None, baseline: str, own: str = "anchor"
) -> tuple[Answers, ...]:
    """Say of a study's answers which of the conditions rated are anchors: own clips that were imported as such.

    The `baseline` is none, as the others are compared with it; the analysis of MUSHRA knows its `own` low anchor.
    """
    told = manifest.variants if manifest else {}
    marked = [name for name, facts in told.items() if facts.get("anchor") is True and name != baseline]
    found = []
    for answers in loaded:
        rated = set(answers.frame["condition"])
        anchors = [name for name in marked if name in rated]
        if answers.question == "mushra":
            others = [name for name in anchors if name != own]
            anchors = [*others, *([own] if own in rated and own != baseline else [])] if others else []
        elif not rated - {baseline, *anchors}:
            anchors = []  # nothing else is left to be compared
        found.append(replace(answers, anchors=tuple(anchors)))
    return tuple(found)


def _headphones(rules: SessionRules, outcomes: Mapping[str, str] | None) -> Headphones:
    """Count who passed the headphone check."""
    from analysis.read.facts import Headphones

    check = Headphones(
        "antiphase, then huggins" if rules.headphone_check == "both" else rules.headphone_check, rules.headphone_pass
    )
    if outcomes is None:
        return check
    counts = Counter(outcomes.values())
    passed, failed = counts["passed"], counts["failed"]
    return replace(check, passed=passed, failed=failed, unknown=len(outcomes) - passed - failed)


def _clips(manifest: Manifest, rated: Collection[str]) -> ClipFacts:
    """Read from a manifest how the clips were made."""
    from analysis.read.facts import ClipFacts

    clips = [clip for clip in manifest.clips if clip.kind == "trial"]
    lengths = [clip.seconds for clip in clips] or [0.0]
    levels: dict[tuple[str, int], list[float]] = {}
    for clip in clips:
        levels.setdefault((clip.prompt_id, clip.seed), []).append(clip.loudness_lufs)
    apart = [max(level) - min(level) for level in levels.values() if len(level) > 1]
    conditions: dict[str, dict[str, Any]] = {}
    recipe: dict[str, None] = {}
    for name in dict.fromkeys((*manifest.variants, *(clip.condition for clip in clips))):
        computed = _computed([clip for clip in clips if clip.condition == name])
        settings = _flat(manifest.variants.get(name, {}))
        conditions[name] = {**settings, **computed}
        recipe |= dict.fromkeys(computed)
    return ClipFacts(
        model=manifest.model,
        earmark=manifest.earmark,
        sampling=manifest.sampling,
        conditions=conditions,
        recipe=tuple(recipe),
        clips=len(clips),
        seconds=(round(min(lengths), 3), round(max(lengths), 3)),
        loudness_apart=max(apart, default=None),
        rated=len(set(rated)),
        imported=_flat(manifest.imported or {}),
        unlisted=len(set(rated) - {clip.sha256 for clip in clips}),
    )


def _computed(clips: Sequence[Clip]) -> dict[str, Any]:
    """Gather the recipes of one condition's clips; where they differ, each value with its number of clips."""
    recipes = [_flat(getattr(clip, "recipe", None) or {}) for clip in clips]
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for recipe in recipes for key in recipe):
        values = Counter(_text(recipe.get(key, "not recorded")) for recipe in recipes)
        one = recipes[0].get(key)
        found[key] = (
            one
            if len(values) == 1
            else tuple(f"{text} ({count} clip{'s' * (count > 1)})" for text, count in values.items())
        )
    return found


def _flat(settings: object, prefix: str = "") -> dict[str, Any]:
    """Lay a nested mapping (or dataclass) flat, its keys joined by dots; a list becomes one text."""
    if is_dataclass(settings) and not isinstance(settings, type):
        settings = asdict(settings)
    assert isinstance(settings, Mapping)
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = _text(value) if isinstance(value, (list, tuple)) else value
    return flat


def _text(value: object) -> str:
    """Write a setting; an empty list is none."""
    return ", ".join(map(str, value)) or "none" if isinstance(value, (list, tuple)) else str(value)
