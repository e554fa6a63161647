"""Sessions that are excluded with a reason, and included again; nothing is deleted."""

import re
from collections.abc import Callable
from html import escape

import gradio as gr
from gradio.events import Dependency

from app.accounts.log import note
from app.accounts.roles import Person, person_of
from app.errors import JobError
from app.gradio_fixes.queue import DIRECT
from app.researcher.tabs.parts import asked_of, html, one_line, stored
from app.study import Study

MOST_CODES = 10_000
LONGEST_REASON = 500


def build_excluding(study: Study) -> tuple[Dependency, Dependency]:
    """Build what lets sessions count no more, such as those of a machine, and what takes that back."""
    with gr.Row(elem_classes="em-links"):
        codes = gr.Textbox(label="Codes", placeholder="P003, P007-P012", elem_id="codes")
        reason = gr.Textbox(
            label="Reason", placeholder="stored and exported", max_length=LONGEST_REASON, elem_id="reason"
        )
        out = gr.Button("Exclude", variant="stop", elem_id="exclude")
        back = gr.Button("Include again", elem_id="include")
    notice = html()

    def excluded(given: str, why: str, request: gr.Request) -> tuple[str, str, str]:
        return acting(given, why, lambda: exclude(study, person_of(asked_of(request)), read_codes(given), why))

    def included(given: str, why: str, request: gr.Request) -> tuple[str, str, str]:
        return acting(given, why, lambda: include(study, person_of(asked_of(request)), read_codes(given)))

    def acting(given: str, why: str, act: Callable[[], str]) -> tuple[str, str, str]:
        try:
            said = act()
        except JobError as error:
            return given, why, f'<p class="line bad" role="alert">{escape(str(error))}</p>'
        return "", "", f'<p class="line" role="status">{escape(said)}</p>'

    parts = [codes, reason]
    return (
        out.click(excluded, inputs=parts, outputs=[*parts, notice], **DIRECT),
        back.click(included, inputs=parts, outputs=[*parts, notice], **DIRECT),
    )


def exclude(study: Study, person: Person, wanted: list[str], reason: str) -> str:
    """Exclude the sessions of these participants for a reason, log who did, and say whose that were.

    Raises
    ------
    JobError
        If there is no reason, or it cannot be stored.
    """
    why = one_line(reason, LONGEST_REASON)
    if not why:
        raise JobError("Say why: the reason is stored and exported with the session.")
    found = stored(study, lambda: study.store.sessions.exclude(wanted, why))
    if found:
        note(study, person, "exclude", participants=found, reason=why)
    return _told(wanted, found, "excluded. The answers stay but no longer count.", "that is not excluded already")


def include(study: Study, person: Person, wanted: list[str]) -> str:
    """Include the sessions of these participants again, log who did, and say whose that were.

    Raises
    ------
    JobError
        If that cannot be stored.
    """
    found = stored(study, lambda: study.store.sessions.include(wanted))
    if found:
        note(study, person, "include again", participants=found)
    return _told(wanted, found, "included again.", "that could be included again")


def read_codes(given: str) -> list[str]:
    """Read codes of participants, such as ``P003, P007-P012``.

    Raises
    ------
    JobError
        If something else stands there, or nothing; then nothing is to be done.
    """
    found: list[str] = []
    for part in re.sub(r"\s*[-–]\s*", "-", given.upper().replace(",", " ")).split():
        ends = re.fullmatch(r"P?(\d{1,6})(?:-P?(\d{1,6}))?", part)
        if ends is None:
            raise JobError(f"{part[:20]}: not a participant’s code. Write codes like P003, P007-P012.")
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if last < first or last - first > MOST_CODES:
            raise JobError(f"{part}: not a range of codes. Write it like P007-P012.")
        found += [f"P{number:03d}" for number in range(first, last + 1)]
    if not found:
        raise JobError("Name the participants by their codes, like P003, P007-P012.")
    return list(dict.fromkeys(found))


def _told(wanted: list[str], found: list[str], done: str, wrong: str) -> str:
    missing = [code for code in wanted if code not in found]
    said = [f"{', '.join(found)}: {done}"] if found else []
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    said += [f"No session of {', '.join(missing[:5])}{more} {wrong}."] if missing else []
    return " ".join(said)
