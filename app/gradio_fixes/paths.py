"""Which of Gradio's addresses a browser may ask: it serves more than a study may show, and under /admin too.

Uploads, proxies of files, its own API and its components' servers stay closed.
"""

import re

ASSETS = r"/assets/.*|/static/.*|/theme\.css|/gradio_api/theme\.css|/favicon\.ico"
STUDY = re.compile(rf"/study(/|{ASSETS})?")
# Gradio's own login and its statistics are none of ours.
ADMIN_CLOSED = re.compile(r"/admin/(login/|logout/|monitoring.*|robots\.txt|pwa_icon.*|manifest\.json)")
# Of Gradio's API the researcher's page needs its events; never upload, file=, proxy= or component_server.
ADMIN_API = re.compile(r"/admin/gradio_api/(theme\.css|run/\w+|heartbeat/[^/]+|startup-events|cancel|reset)")
# A script that fits a frame to Gradio's page; no frame of ours needs it, and the page asks for it all the same.
FRAME_SCRIPT = "/study/static/js/iframeResizer.contentWindow.min.js"
LONG_LIVED = re.compile(r"/(study|admin)/(assets|static)/.*")


def opens_study(method: str, path: str) -> bool:
    """Say whether a request is for the participant's page or one of its files; its events are not Gradio's."""
    return method != "POST" and STUDY.fullmatch(path) is not None


def opens_admin(method: str, path: str) -> bool:
    """Say whether a request under /admin is open to a researcher: to ours, or to what the page needs of Gradio's."""
    if path.startswith("/admin/gradio_api"):
        return ADMIN_API.fullmatch(path) is not None
    return ADMIN_CLOSED.fullmatch(path) is None and (method, path) != ("GET", "/admin/logout")
