"""The participant's page: one component that shows the state which the routes give it."""

import json
import posixpath
import re
from graphlib import TopologicalSorter

import gradio as gr

from app.folder import STATIC
from app.texts import texts

BACKGROUND, BACKGROUND_DARK = "#f6f5f1", "#121516"
FOLDER = STATIC / "participant"
LOADER = "loader.js"
IMPORT = re.compile(r'^import\b[^;]*\bfrom "([^"]+)";', re.MULTILINE)


def build_page() -> gr.Blocks:
    """Build the page from its files. It knows nothing of the study: all of that comes from /api/state."""
    english = texts("en")
    page: gr.Blocks = gr.Blocks(title=english["title"], analytics_enabled=False, fill_width=True)
    with page:
        gr.HTML(
            html_template=_read("card.html"),
            css_template=_read("card.css"),
            js_on_load=f"window.earmark.then((mount) => mount(element, {json.dumps(english)}));",
            apply_default_css=False,
        )
    return page


def page_head() -> str:
    """Return what starts the page's modules while Gradio is still loading its own."""
    held = json.dumps(modules()).replace("<", "\\u003c")
    return f"<script>{{const MODULES = {held};\n{_read(LOADER)}}}</script>"


def page_theme() -> gr.themes.Base:
    """Return a theme that loads no font and lets the card's own colours reach the edge."""
    return gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]).set(
        body_background_fill=BACKGROUND, body_background_fill_dark=BACKGROUND_DARK
    )


# Gradio's own frame round the card: no footer, no padding.
PAGE_CSS = "footer { display: none !important; } .fillable.app, .html-container { padding: 0 !important; }"


def modules() -> list[dict[str, object]]:
    """Return the page's ES modules for its loader, every one after those that it imports.

    Each has its `path` and `text`, and under `imports` the path that each specifier in it means. They go into the
    page, so that a first visit asks for none of them.
    """
    names = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js"))
    written = {name: _read(name) for name in names if name != LOADER}
    imports = {name: _imports(name, text) for name, text in written.items()}
    order = TopologicalSorter({name: found.values() for name, found in imports.items()}).static_order()
    return [{"path": name, "text": written[name], "imports": imports[name]} for name in order]


def _imports(name: str, text: str) -> dict[str, str]:
    folder = posixpath.dirname(name)
    return {found: posixpath.normpath(posixpath.join(folder, found)) for found in IMPORT.findall(text)}


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
