"""Parts that every tab of the researcher's page is made of."""

from collections.abc import Callable
from unicodedata import category

import gradio as gr
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError

from app.errors import JobError
from app.study import Study


def html(value: str = "") -> gr.HTML:
    """Make a part that shows HTML, which is escaped already."""
    return gr.HTML(value, elem_classes="em", apply_default_css=False, js_on_load=None)


def asked_of(request: gr.Request) -> Request:
    """Return the request of the browser that Gradio passes on."""
    asked = request.request
    assert asked is not None
    return asked


def stored(study: Study, act: Callable[[], list[str]]) -> list[str]:
    """Do what writes to the database.

    Raises
    ------
    JobError
        If it cannot be written.
    """
    try:
        return act()
    except SQLAlchemyError as error:
        if not study.health.take(error):
            raise
        raise JobError("This cannot be stored at the moment; the message above says why.") from error


def one_line(given: str, longest: int) -> str:
    """Return a text as one line of at most so many characters, without those that not every database can store."""
    plain = (" " if category(one) in ("Cc", "Cs") else one for one in given)
    return " ".join("".join(plain).split())[:longest]
