"""What the launch gate says of clips, as items of the protocol: each rule that they are held to, passed or not."""

from collections.abc import Sequence
from dataclasses import dataclass

from survey.clips.gate import CLIPPED_RUN, HIGHEST_PEAK, LENGTH_TOLERANCE, LOUDNESS_SPREAD, Problem
from survey.clips.manifest import Manifest
from survey.config.session import SessionRules
from survey.launch.protocol import Item

PART = "clips"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule by its name in the protocol and those of its problems, and what is said where there are none."""

    name: str
    rules: tuple[str, ...]
    passed: str
    remedy: str = "run `earmark generate`"
    heard: bool = True  # whether the sound of every clip is needed to know


RULES = (
    _Rule("missing cells", ("missing", "foreign"), "every prompt, condition and seed has its clip", heard=False),
    _Rule("files", ("unreadable", "sha256"), "every file is there, and is the one that was made", heard=False),
    _Rule("numbers", ("nan",), "every value is a number"),
    _Rule("length", ("length",), f"within {LENGTH_TOLERANCE:g} s of what it should be"),
    _Rule("silence", ("silence",), "every clip peaks above -60 dBFS"),
    _Rule("clipping", ("clipping",), f"nowhere {CLIPPED_RUN} consecutive samples at full scale"),
    _Rule("true peak", ("true peak",), f"at most {HIGHEST_PEAK:g} dBTP"),
    _Rule("loudness", ("loudness",), f"conditions of a prompt and seed within {LOUDNESS_SPREAD:g} LU"),
    _Rule("format", ("format",), "one sample rate and number of channels in each prompt and seed"),
    _Rule("duplicates", ("duplicate",), "no two clips are the same sound"),
    _Rule("blind files", ("tags",), "nothing but sound in the files"),
    _Rule("blind sizes", ("size",), "files of one size in each prompt and seed"),
    _Rule("made alike", ("mixed",), "conditions differ in quantization, and in nothing else", heard=False),
)
CHECKS = (
    _Rule("attention checks", ("foils",), "there are prompts that nobody takes for each other", heard=False),
    _Rule("gold clips", ("gold",), "every gold clip can be played", heard=False),
)
ALIKE = ("loudness", "blind sizes")  # what is compared among clips of one format
ABSENT = "there are no clips to look at"


def clip_items(manifest: Manifest, rules: SessionRules, problems: Sequence[Problem]) -> list[Item]:
    """Sort the problems that the gate found into the items of the protocol; no item but those with problems fails.

    Examples
    --------
    >>> manifest = Manifest("s", "mini", "1", {}, {}, ())
    >>> items = clip_items(manifest, SessionRules(), [Problem("p1.a.1", "missing", "no clip was rendered")])
    >>> [item.name for item in items if item.outcome == "fail"]
    ['missing cells']
    """
    asked = [*RULES, *(rule for rule, wanted in zip(CHECKS, _wanted(rules), strict=True) if wanted)]
    known = {name for rule in asked for name in rule.rules}
    others = dict.fromkeys(problem.rule for problem in problems if problem.rule not in known)
    asked += [_Rule(name, (name,), "") for name in others]  # a problem is never lost
    return [_item(rule, manifest, problems) for rule in asked]


def no_clips(reason: str) -> list[Item]:
    """Return the items of a study whose clips are not there, or are not to be read, for a `reason` with its remedy.

    Examples
    --------
    >>> [item.outcome for item in no_clips("there are no clips yet; run `earmark generate` first")][:2]
    ['fail', 'unchecked']
    """
    first, *others = RULES
    return [Item(PART, first.name, "fail", reason), *(Item(PART, rule.name, "unchecked", ABSENT) for rule in others)]


def _wanted(rules: SessionRules) -> tuple[bool, bool]:
    return bool(rules.attention_checks), bool(rules.gold_checks or rules.gold)


def _item(rule: _Rule, manifest: Manifest, problems: Sequence[Problem]) -> Item:
    found = tuple(problem for problem in problems if problem.rule in rule.rules)
    if found:
        return Item(PART, rule.name, "fail", f"{len(found)} found", rule.remedy, found)
    if left := _left_open(rule, manifest):
        return Item(PART, rule.name, "unchecked", *left)
    unread = {problem.stimulus for problem in problems if problem.rule in ("unreadable", "nan")}
    if rule.heard and unread:
        reason = f"{len(unread)} of {len(manifest.clips)} clips cannot be read as sound"
        return Item(PART, rule.name, "unchecked", reason, rule.remedy)
    if rule.name in ALIKE and any(problem.rule == "format" for problem in problems):
        return Item(PART, rule.name, "unchecked", "clips that differ in format are not compared", rule.remedy)
    return Item(PART, rule.name, "pass", rule.passed)


def _left_open(rule: _Rule, manifest: Manifest) -> tuple[str, str] | None:
    """Say why a rule does not tell of these clips, and what can be done; None if it does."""
    if not manifest.clips:
        return (ABSENT, rule.remedy) if rule.heard else None
    imported = manifest.imported
    match rule.name:
        case "true peak" if imported is None:
            return "clips of a model are normalized to full scale, as in the paper, and not held to 0 dBTP", ""
        case "loudness" if imported is not None and imported.get("loudness", "") is None:
            return "own clips are left as loud as they are", "give clips.loudness a level to make them alike"
        case "made alike" if all(clip.origin for clip in manifest.clips):
            return "own clips do not say what made them", "see to it that nothing but the condition differs"
    return None
