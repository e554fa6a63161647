"""What Gradio says or leaves unsaid in the headers of its answers, mended."""

from starlette.datastructures import MutableHeaders

from app.gradio_fixes.assets import preloads
from app.gradio_fixes.paths import LONG_LIVED

PROXY_HEADER = b"x-gradio-server"
"""A header of requests by which Gradio lets anybody say under which address it is reached."""


def mend(headers: MutableHeaders, path: str) -> None:
    """Let no other site read an answer, name a page's files before they are asked for, and have them kept for good.

    Parameters
    ----------
    headers
        Of the answer; changed in place.
    path
        That was asked for.
    """
    for name in [name for name in headers if name.lower().startswith("access-control-")]:
        del headers[name]
    if path == "/study/":
        headers["Link"] = preloads()
    if LONG_LIVED.fullmatch(path):  # a file's name changes with what is in it
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
