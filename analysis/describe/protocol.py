"""Protocol: what participants went through and how the clips were made, in sentences that state known facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from analysis.read.facts import ClipFacts, Headphones, SessionFacts, StudyFacts
from analysis.read.question import QUESTIONS, SCORED
from analysis.scale.rating_scale import FIVE, SHARE, RatingScale
from analysis.words import counted, listed

KINDS = {
    "practice": "to practice trials",
    "attention": "to attention checks",
    "repeat": "to hidden repeats",
    "instructed": "to instructed checks",
    "gold": "to gold clips",
    "uncounted": "of sessions that the study does not count",
    "missing": "without a score",
    "copy": "that are exact copies of others",
}
DEGRADATION = "5: degradation is inaudible, 1: degradation is very annoying"
FOUND = ("missing", "copy")  # kinds that no file states


def sentences(
    facts: StudyFacts, question: str, left_out: Mapping[str, int], scale: RatingScale | None = None
) -> list[str]:
    """Write what is known of a study whose answers are of this type of question, on this scale if it has one.

    `left_out` counts by kind what was not analysed; what a kind means is known of a study alone.

    Examples
    --------
    >>> sentences(StudyFacts("mine"), "abx", {})
    ['The answers are ABX answers.']
    """
    told = (_task(facts, question, scale), _asked_in(facts))
    parts = (*told, *_clips(facts), *_session(facts), _left(facts, left_out))
    return [text for text in parts if text]


def languages(facts: StudyFacts) -> str:
    """Say in which languages people took part, and how many in each; empty where that is not known.

    Examples
    --------
    >>> from analysis.read.facts import Spoken
    >>> languages(StudyFacts(languages=(Spoken("German", 12, "Wie gut?"), Spoken("Arabic", 1, "How good?"))))
    'German (12 participants) and Arabic (1 participant)'
    """
    return listed(f"{one.language} ({counted(one.participants, 'participant')})" for one in facts.languages)


def margin_words(facts: StudyFacts, scale: RatingScale = FIVE) -> str:
    """Say whose margin it is, to be read after "a margin of 0.3 points".

    Examples
    --------
    >>> f"a margin of 0.3 points{margin_words(StudyFacts('mine', margin_from='default'))}"
    'a margin of 0.3 points, which is the default margin'
    """
    return {
        "study": ", which the study fixed before its first rating",
        "written": ", which the study's configuration gives",
        "given": ", which was given to this analysis",
        "default": f", which is the default margin{'' if scale.is_five else f', {100 * SHARE:g} % of the range'}",
        None: "",
    }[facts.margin_from]


def answers_words(question: str, scale: RatingScale | None) -> str:
    """Say what the answers are, to be read after "The answers are".

    Examples
    --------
    >>> answers_words("acr", RatingScale(0, 10)), answers_words("abx", None)
    ('scores from 0 to 10', 'ABX answers')
    """
    if question not in SCORED or scale is None or (question == "acr" and scale == FIVE):
        return QUESTIONS[question].answers
    halves = "" if scale.step in (1, None) else f" in steps of {scale.step:g}"
    ends = f" ({DEGRADATION})" if question == "dcr" and scale.is_five else ""
    return f"{'scores' if question == 'acr' else QUESTIONS[question].answers} {scale.words}{halves}{ends}"


def _task(facts: StudyFacts, question: str, scale: RatingScale | None) -> str:
    """Say what participants did, where that is known, else what the answers are."""
    asked = f"The question was: “{facts.question}”" if facts.question else ""
    asked += "." if facts.question and facts.question[-1] not in "?!.。？！" else ""
    if facts.asked is None:
        return f"The answers are {answers_words(question, scale)}. {asked}".strip()
    words = [f"{grade} {text}" for grade, text in sorted(facts.labels.items(), reverse=True)]
    labels = f" ({'; '.join(words)})" if words and question in SCORED else ""
    reach = f" {scale.words}" if scale and question in ("numeric", "slider") else ""
    return f"Participants {QUESTIONS[question].task}{reach}{labels}. {asked}".strip()


def _asked_in(facts: StudyFacts) -> str:
    """Say in which languages people took part, and what they were asked where that differs."""
    if not facts.languages:
        return ""
    words: dict[str, list[str]] = {}
    for one in facts.languages:
        words.setdefault(one.question, []).append(one.language)
    asked = "; ".join(f"in {listed(names)} “{question}”" for question, names in words.items() if question)
    return f"The page was in {languages(facts)}." + (f" The question was {asked}." if len(words) > 1 else "")


def _clips(facts: StudyFacts) -> list[str]:
    """Say how the clips were made, as their manifest has it."""
    clips = facts.clips
    if clips is None:
        return ["How the clips were made is not recorded."] if facts.session is not None else []
    shortest, longest = clips.seconds
    length = f"{shortest:g} s" if shortest == longest else f"{shortest:g} to {longest:g} s"
    rendered = len(clips.conditions) - len(clips.own) if clips.model else 0
    parts = [
        *_made(clips, length),
        f"{'Rendered conditions' if clips.own else 'Conditions'} were rendered from the same seeds, so for each prompt "
        "and seed they start from the same noise."
        if rendered > 1
        else "",
        "Within a prompt and seed the loudness of the conditions differs by at most "
        f"{max(0.1, ceil(10 * clips.loudness_apart) / 10):g} LU (ITU-R BS.1770)."
        if clips.loudness_apart is not None
        else "",
        f"{clips.unlisted} of the {clips.rated} rated clips were replaced after they were rated; how those were made "
        "is not recorded."
        if clips.unlisted
        else "",
    ]
    return [part for part in parts if part]


def _made(clips: ClipFacts, length: str) -> list[str]:
    """Say which clips were rendered, and which are files of the study's own."""
    settings = f" ({made})" if (made := _sampling(clips.sampling)) else ""
    said = []
    if clips.model:
        but = f", those of {listed(clips.own)} aside" if clips.own else ""
        said.append(f"Clips of {length}{but} were made with {clips.model} by Earmark {clips.earmark}{settings}.")
    if clips.imported or not clips.model:
        whose = f"The clips of {listed(clips.own)}" if clips.model else f"The clips, of {length},"
        form = clips.imported
        shape = f" at {form['sample_rate']} Hz" if "sample_rate" in form else ""
        said.append(f"{whose} are files that were made elsewhere; Earmark {clips.earmark} imported them{shape}.")
        if "loudness" in form:
            said.append(
                "Their loudness was left as it was."
                if form["loudness"] is None
                else f"All clips of a prompt and seed were brought to {form['loudness']:g} LUFS (ITU-R BS.1770), or, "
                "where one would have passed a true peak of -1 dBTP, to the same lower loudness."
            )
    return said


def _sampling(settings: Mapping[str, Any]) -> str:
    """Write the sampler's settings that are recorded."""
    seeds = settings.get("seeds") or ()
    parts = [
        f"sampler {settings['sampler']}" if "sampler" in settings else "",
        counted(settings["steps"], "step") if "steps" in settings else "",
        f"guidance {settings['cfg_scale']:g}" if "cfg_scale" in settings else "",
        f"seed{'s' * (len(seeds) > 1)} {listed(map(str, seeds))}" if seeds else "",
    ]
    return ", ".join(part for part in parts if part)


def _session(facts: StudyFacts) -> list[str]:
    """Say what participants were to go through."""
    session = facts.session
    if session is None:
        return []
    prompts = "every prompt" if session.prompts is None else counted(session.prompts, "prompt")
    order = f"{'an' if session.order[:1] in 'aeiou' else 'a'} {session.order} order"
    practice = f", after {counted(session.practice, 'practice trial')}" if session.practice else ", without practice"
    heard = "had to be heard to its end" if session.must_listen else "did not have to be heard to its end"
    checks = [counted(count, name) for name, count in session.checks.items() if count]
    return [
        f"Each participant was to hear {prompts} {QUESTIONS[facts.asked or 'acr'].heard}, in {order}{practice}.",
        f"A clip {heard} before it was answered.",
        f"Each session had {listed(checks)} as a quality check." if checks else "There were no attention checks.",
        _headphones(session),
    ]


def _headphones(session: SessionFacts) -> str:
    """Say what is known of headphones."""
    check = session.headphones
    if check is None:
        return "Whether participants wore headphones was not checked."
    asked = (
        f"The study asked for a headphone check ({check.check}; at least {check.needed} of 6 answers had to be right)."
    )
    return f"{asked} {_outcome(check)}"


def _outcome(check: Headphones) -> str:
    """Say how the headphone check came out."""
    if check.passed is None or check.failed is None:
        return "How many of the analysed raters passed it is not known."
    unknown = f", and {check.unknown} did not finish it" if check.unknown else ""
    return f"Of the analysed raters, {check.passed} passed it and {check.failed} failed it{unknown}."


def _left(facts: StudyFacts, left_out: Mapping[str, int]) -> str:
    """Say what was not analysed."""
    if not left_out:
        return ""
    if facts.session is None:
        lines = listed(
            f"{counted(count, 'line')} {KINDS[kind] if kind in FOUND else f'of kind “{kind}”'}"
            for kind, count in left_out.items()
        )
        return f"Not analysed: {lines}."
    answers = listed(
        f"{counted(count, 'answer')} {KINDS.get(kind, f'of kind “{kind}”')}" for kind, count in left_out.items()
    )
    return f"Not analysed: {answers}."
