"""The participant's page: one component that shows the state which the routes give it."""

import json

import gradio as gr

from app.folder import STATIC
from app.texts import texts

BACKGROUND, BACKGROUND_DARK = "#f6f5f1", "#121516"


def build_page() -> gr.Blocks:
    """Build the page from its files. It knows nothing of the study: all of that comes from /api/state."""
    english = texts("en")
    page: gr.Blocks = gr.Blocks(title=english["title"], analytics_enabled=False, fill_width=True)
    with page:
        gr.HTML(
            html_template=_read("card.html"),
            css_template=_read("card.css"),
            js_on_load=f"const ENGLISH = {json.dumps(english)};\n" + _read("card.js"),
            apply_default_css=False,
        )
    return page


def page_theme() -> gr.themes.Base:
    """Return a theme that loads no font and lets the card's own colours reach the edge."""
    return gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]).set(
        body_background_fill=BACKGROUND, body_background_fill_dark=BACKGROUND_DARK
    )


# Gradio's own frame round the card: no footer, no padding.
PAGE_CSS = "footer { display: none !important; } .fillable.app, .html-container { padding: 0 !important; }"


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
