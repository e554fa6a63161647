"""Mounting a page of Gradio's in our application without what it brings along."""

from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from app.gradio_fixes.assets import assets
from app.gradio_fixes.head import Head
from app.gradio_fixes.queue import without_queue

OFF: dict[str, Any] = {
    "footer_links": [],
    "run_history": False,
    "ssr_mode": False,
    "mcp_server": False,
    "enable_monitoring": False,
    "show_error": False,
    "max_file_size": 1,
}


def mount(app: FastAPI, page: gr.Blocks, path: str, *, head: str = "", **look: Any) -> None:
    """Mount a page with its files; ``look`` is what Gradio takes of theme, style and login.

    What is routed before it in ``app`` is found before it, so that the routes beside a page come first.
    """
    app.mount(f"{path}/assets", assets)
    # A dictionary for each page: Gradio writes its clean-up into it, about what it finds there.
    closed: dict[str, Any] = {"openapi_url": None, "docs_url": None, "redoc_url": None}
    if missing := app.exception_handlers.get(HTTPException):  # else an address that is none is told in JSON
        closed["exception_handlers"] = {404: missing}
    gr.mount_gradio_app(app, without_queue(page), path, app_kwargs=closed, **look, **OFF)
    app.add_middleware(Head, path=f"{path}/", head=head)
