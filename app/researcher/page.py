"""The researcher's page: the clips, the participants and the results of one study."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Literal

import gradio as gr

from app.accounts.log import note
from app.accounts.roles import person_of
from app.errors import JobError
from app.folder import STATIC
from app.gradio_fixes.login_ended import LOGIN_ENDED
from app.gradio_fixes.queue import DIRECT
from app.participant.page import page_theme
from app.researcher.overview import Overview
from app.researcher.tabs.excluding import build_excluding
from app.researcher.tabs.linking import build_linking
from app.researcher.tabs.parts import asked_of, html
from app.researcher.views.commands import with_commands

BUSY_SECONDS, IDLE_SECONDS, NUMBERS_SECONDS = 1.0, 4.0, 10.0
ONE_AT_A_TIME = (
    "element.addEventListener('play', event => element.querySelectorAll('audio')"
    ".forEach(other => other !== event.target && other.pause()), true);"
)
PEEKING = (
    "The study is still running. To look at results before it ends is a bias: whoever knows them may stop it, or go on "
    "with it, for what they saw. That you looked is logged, and the report says how often and when."
)
ANEW = (
    "Every clip is made again. Existing ratings keep the sound that was heard; "
    "participants under way continue with the new clips."
)


def build_admin(shown: Overview) -> gr.Blocks:
    """Build the page over a study and its two kinds of work."""
    study, rendering, reporting = shown.study, shown.rendering, shown.reporting
    own = study.config.model is None  # then nothing is rendered

    def weight() -> Literal["primary", "secondary"]:
        """Weigh the button that makes clips: they come next only while there are none that may be heard."""
        return "secondary" if study.ready else "primary"

    page: gr.Blocks = gr.Blocks(title=f"{study.config.name} - Earmark", analytics_enabled=False)
    with page:
        stamp, seen = gr.Textbox(visible=False), gr.Textbox(visible=False)
        pulse, clock = gr.Timer(IDLE_SECONDS), gr.Timer(NUMBERS_SECONDS)
        head = html()
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Clips"):
                status = html()
                with gr.Row(elem_classes="em-actions"):
                    generate = gr.Button(
                        "Import clips" if own else "Generate clips", variant=weight(), elem_id="generate"
                    )
                    anew = gr.Button("Import all again" if own else "Render all again", elem_id="anew")
                    stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
                with gr.Column(visible=False) as question:
                    html(f'<p class="note">{ANEW}</p>')
                    with gr.Row(elem_classes="em-actions"):
                        really = gr.Button("Yes, replace all clips", variant="stop", elem_id="really")
                        never = gr.Button("No, keep them", elem_id="never")
                notice = html()
                clips = gr.HTML(elem_classes="em", js_on_load=ONE_AT_A_TIME, apply_default_css=False)
            with gr.Tab("Progress"):
                filling = html()
            with gr.Tab("Participants"):
                made = build_linking(page, study)
                people = html()
                changed = build_excluding(study)
                for done in (*made, *changed):
                    done.then(shown.people, outputs=people, **DIRECT)
            with gr.Tab("Results"):
                files = html()
                with gr.Row(elem_classes="em-actions"):
                    make = gr.Button("Make the report", variant="primary", elem_id="make")
                    refresh = gr.Button("Refresh", elem_id="refresh")
                with gr.Column(visible=False) as peeking:
                    html(f'<p class="note" role="alert">{PEEKING}</p>')
                    with gr.Row(elem_classes="em-actions"):
                        peek = gr.Button("Look all the same", variant="stop", elem_id="peek")
                        wait = gr.Button("Wait for its end", elem_id="wait")
                report_notice = html()

        numbers: list[Any] = [seen, head, filling, people, files]
        work: list[Any] = [stamp, pulse, status, generate, anew, stop, make, clips]

        def draw_numbers(seen: str) -> list[Any]:
            """Draw the parts that are not as they were; `seen` names those that the page shows."""
            parts, before = shown.numbers(), seen.split()
            now = [sha256(part.encode()).hexdigest()[:16] for part in parts]
            if len(before) != len(now):
                before = [""] * len(now)
            drawn = zip(parts, now, before, strict=True)
            return [" ".join(now), *(part if new != old else gr.skip() for part, new, old in drawn)]

        def draw_work(seen: str) -> list[Any]:
            """Draw the progress; of the rest only what changed, so that a clip being heard plays on."""
            report, making = rendering.report(), reporting.alive
            if not report.busy:
                study.refresh()
            now = shown.stamp(report, making)  # before anything is drawn, so that a change in between is drawn next
            every = gr.Timer(BUSY_SECONDS if report.busy or making else IDLE_SECONDS)
            if now == seen:
                return [now, every, shown.status(), *[gr.skip()] * 5]
            return [
                *(now, every, shown.status()),
                gr.Button(interactive=not report.busy, variant=weight()),
                gr.Button(interactive=not report.busy, visible=study.manifest is not None),
                gr.Button("Stop at once" if report.state == "stopping" else "Stop", visible=report.busy),
                gr.Button(interactive=not making),
                shown.clips(),
            ]

        def draw_both(seen: str, numbers_seen: str) -> list[Any]:
            """Draw the progress, and the numbers too when a piece of work has begun or ended."""
            drawn = draw_work(seen)
            return drawn + (draw_numbers(numbers_seen) if drawn[0] != seen else [gr.skip()] * len(numbers))

        def did(kind: str, act: Callable[[], None], request: gr.Request) -> str:
            """Do something, log who did it, and return what stood against it, as HTML."""
            problem = _attempt(act)
            if not problem:
                note(study, person_of(asked_of(request)), kind)
            return problem

        def acting(kind: str, act: Callable[[], None]) -> Callable[[gr.Request], list[Any]]:
            def run(request: gr.Request) -> list[Any]:
                return [gr.Column(visible=False), did(kind, act, request), *draw_work("")]

            return run

        page.load(lambda: draw_numbers(""), outputs=numbers, **DIRECT)
        page.load(lambda: draw_work(""), outputs=work, **DIRECT)
        pulse.tick(draw_both, inputs=[stamp, seen], outputs=work + numbers, **DIRECT)
        clock.tick(draw_numbers, inputs=seen, outputs=numbers, **DIRECT)
        refresh.click(draw_numbers, inputs=seen, outputs=numbers, **DIRECT)
        generate.click(acting("generate clips", rendering.start), outputs=[question, notice, *work], **DIRECT)
        really.click(
            acting("generate all clips again", lambda: rendering.start("--fresh")),
            outputs=[question, notice, *work],
            **DIRECT,
        )
        stop.click(acting("stop generating", rendering.stop), outputs=[question, notice, *work], **DIRECT)
        anew.click(lambda: gr.Column(visible=True), outputs=question, **DIRECT)
        never.click(lambda: gr.Column(visible=False), outputs=question, **DIRECT)

        def report(*options: str) -> Callable[[gr.Request], list[Any]]:
            def make_report(request: gr.Request) -> list[Any]:
                def start() -> None:
                    if not shown.has_ratings():
                        raise JobError("There are no ratings yet, so there is nothing to report.")
                    reporting.start(*options, account=person_of(asked_of(request)).name)

                said = did("make report", start, request)
                return [gr.Column(visible=False), said, shown.files(), *draw_work("")]

            return make_report

        def make_or_ask(request: gr.Request) -> list[Any]:
            if shown.has_ratings() and study.store.actions.looks().running:
                return [gr.Column(visible=True), "", *([gr.skip()] * (1 + len(work)))]
            return report()(request)

        reported = [peeking, report_notice, files, *work]
        make.click(make_or_ask, outputs=reported, **DIRECT)
        peek.click(report("--peek"), outputs=reported, **DIRECT)
        wait.click(lambda: gr.Column(visible=False), outputs=peeking, **DIRECT)
    return page


def admin_look() -> dict[str, Any]:
    """Return how the page is mounted: the participants' theme in the page's colours, its style and its head."""
    theme = page_theme().set(
        button_primary_background_fill="var(--em-accent)",
        button_primary_background_fill_dark="var(--em-accent)",
        button_primary_background_fill_hover="var(--em-accent)",
        button_primary_background_fill_hover_dark="var(--em-accent)",
        button_primary_text_color="var(--em-on)",
        button_primary_text_color_dark="var(--em-on)",
        button_secondary_background_fill="var(--em-faint)",
        button_secondary_background_fill_dark="var(--em-faint)",
        button_secondary_background_fill_hover="var(--em-line)",
        button_secondary_background_fill_hover_dark="var(--em-line)",
        button_secondary_text_color="var(--em-ink)",
        button_secondary_text_color_dark="var(--em-ink)",
        button_large_radius="10px",
        button_large_text_size="16px",
        block_background_fill="var(--em-card)",
        block_background_fill_dark="var(--em-card)",
        block_label_text_color="var(--em-soft)",
        block_label_text_color_dark="var(--em-soft)",
        block_radius="14px",
        input_background_fill="var(--em-faint)",
        input_background_fill_dark="var(--em-faint)",
        input_radius="8px",
    )
    return {"theme": theme, "css": (STATIC / "admin" / "admin.css").read_text(encoding="utf-8"), "head": LOGIN_ENDED}


def _attempt(act: Callable[[], None]) -> str:
    """Do something and return what stood against it, as HTML."""
    try:
        act()
    except JobError as error:
        return f'<p class="line bad" role="alert">{with_commands(str(error))}</p>'
    return ""
