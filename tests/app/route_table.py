"""The table of routes in docs/serving/routes.md, as the tests that walk it read it."""

import re
from dataclasses import dataclass

from served import ROOT

PAGE = ROOT / "docs" / "serving" / "routes.md"
WHO = ("anonymous", "participant", "another", "reader", "assistant", "owner")
MAY = r" \| (\w+)" * len(WHO)
ROW = re.compile(rf"\| ([A-Z, ]+) \| `([^`]+)`{MAY} \| .+ \|")
ENDLESS = "/admin/gradio_api/heartbeat/{session_hash}"  # its answer goes on as long as the page is open


@dataclass(frozen=True)
class Line:
    """A row of the table: a method and an address, and who may."""

    method: str
    path: str
    may: dict[str, str]


LINES = [
    Line(method, path, dict(zip(WHO, may, strict=True)))
    for methods, path, *may in ROW.findall(PAGE.read_text(encoding="utf-8"))
    for method in methods.split(", ")
]
