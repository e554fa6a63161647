"""Personal links: made, named and taken back."""

from html import escape
from typing import Any

import gradio as gr
from gradio.events import Dependency
from starlette.requests import Request

from app.accounts.log import note
from app.accounts.roles import Person, person_of
from app.errors import JobError
from app.gradio_fixes.queue import DIRECT
from app.researcher.tabs.excluding import read_codes
from app.researcher.tabs.parts import asked_of, html, one_line, stored
from app.study import Study
from app.web.prefix import address

MOST_LINKS, LONGEST_LABEL = 200, 100  # the latter as db/tables.py keeps


def build_linking(page: gr.Blocks, study: Study) -> tuple[Dependency, Dependency]:
    """Build the links into the study; the server does not know its own address, the researcher's browser does."""
    link = gr.Textbox(label="Open link", interactive=False, buttons=["copy"], elem_id="open-link")
    with gr.Row(elem_classes="em-links"):
        count = gr.Number(10, label="Personal links", minimum=1, maximum=MOST_LINKS, precision=0, elem_id="count")
        label = gr.Textbox(
            label="For whom", placeholder="only researchers see it", max_length=LONGEST_LABEL, elem_id="label"
        )
        invite = gr.Button("Make personal links", elem_id="invite")
    links = gr.Textbox(
        label="New personal links, one for each participant",
        lines=4,
        max_lines=12,
        interactive=False,
        buttons=["copy"],
        visible=False,
        elem_id="links",
    )
    with gr.Row(elem_classes="em-links"):
        codes = gr.Textbox(label="Links that nobody used", placeholder="P003, P007-P012", elem_id="unused")
        back = gr.Button("Revoke", elem_id="revoke")
    notice = html()
    html('<p class="soft"><a href="links.csv" download="links.csv">Download links.csv</a>: all personal links</p>')

    def show(request: gr.Request) -> Any:
        closed = "" if study.config.recruitment.open_link else " (closed: open_link is off in study.yaml)"
        return gr.Textbox(f"{origin_of(asked_of(request))}/join", label=f"Open link{closed}")

    def make(number: float | None, whom: str, request: gr.Request) -> Any:
        wanted = max(1, min(MOST_LINKS, int(number or 1)))
        try:
            tokens = stored(study, lambda: invited(study, person_of(asked_of(request)), wanted, whom))
        except JobError as error:
            return gr.Textbox(str(error), visible=True)
        return gr.Textbox("\n".join(f"{origin_of(asked_of(request))}/p/{token}" for token in tokens), visible=True)

    def revoke(given: str, request: gr.Request) -> tuple[str, str]:
        try:
            said = revoked(study, person_of(asked_of(request)), given)
        except JobError as error:
            return given, f'<p class="line bad" role="alert">{escape(str(error))}</p>'
        return "", f'<p class="line" role="status">{escape(said)}</p>'

    page.load(show, outputs=link, **DIRECT)
    return (
        invite.click(make, inputs=[count, label], outputs=links, **DIRECT),
        back.click(revoke, inputs=codes, outputs=[codes, notice], **DIRECT),
    )


def invited(study: Study, person: Person, count: int, whom: str) -> list[str]:
    """Make personal links, log how many but not for whom, since the log keeps everything, and return their tokens."""
    label = one_line(whom, LONGEST_LABEL)
    tokens = study.store.participants.invite(count, label)
    note(study, person, "invite", links=count)
    return tokens


def revoked(study: Study, person: Person, given: str) -> str:
    """Take back links by the codes of whom they were made for, log who did, and say whose that were.

    Raises
    ------
    JobError
        If they are no codes, or it cannot be stored.
    """
    wanted = read_codes(given)
    found = stored(study, lambda: study.store.participants.revoke(wanted))
    if found:
        note(study, person, "revoke", participants=found)
    kept = [code for code in wanted if code not in found]
    said = [f"{', '.join(found)}: revoked, the link is not known any more."] if found else []
    more = f" and {len(kept) - 5} more" if len(kept) > 5 else ""
    said += [f"No unused personal link of {', '.join(kept[:5])}{more}; exclude a session instead."] if kept else []
    return " ".join(said)


def origin_of(asked: Request) -> str:
    """Return under which address the researcher who sent a request has the study, without a slash at its end."""
    origin = asked.headers.get("origin") or f"{asked.url.scheme}://{asked.headers.get('host', 'localhost')}"
    return f"{origin}{address(asked)}"
