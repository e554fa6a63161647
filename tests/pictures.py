"""The pictures of the documents: each is of a real page, and held to it by the browser test that took it."""

import io
import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
WORDS = PICTURES / "words.json"
WRITE = "EARMARK_PICTURES"  # set, a test takes its pictures anew instead of holding the page to them
NARROW = 600  # pixels; below, a page is as on a phone
# Labels rather than all words, which vary with who takes part; digits as 0.
READ = """(leftOut) => {
  const labels = "h1, h2, h3, summary, label, button, thead th, dt, [role=tab], [role=radio]";
  const seen = [...document.querySelectorAll(labels)].filter((one) => one.checkVisibility());
  const words = seen.map((one) => one.innerText.trim()).filter((text) => text && !leftOut.includes(text));
  return [...new Set(words.map((text) => text.replace(/\\s+/g, " ").replace(/[0-9]+/g, "0")))];
}"""


def picture(page: Page, name: str, *, without: Collection[str] = ()) -> None:
    """Hold a page to its picture in the documents: its headings and labels are those that it had when it was taken.

    The picture of a page as on a phone is `name` with ``-phone``. `without` are texts that vary.
    """
    narrow = (page.viewport_size or {"width": NARROW})["width"] < NARROW
    name = f"{name}-phone" if narrow else name
    taken = {"test": re.sub(r"\[.*| \(.*", "", os.environ["PYTEST_CURRENT_TEST"])}
    shown = {**taken, "words": page.evaluate(READ, list(without))}
    known = kept()
    if os.environ.get(WRITE):
        image = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        image.save(PICTURES / f"{name}.webp", quality=80, method=6)
        told = dict(sorted({**known, name: shown}.items()))
        WORDS.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    assert known.get(name) == shown, (
        f"docs/pictures/{name}.webp does not show this page any more; take it anew and look at it:\n"
        f"{WRITE}=1 ./earmark test -n 0 '{taken['test']}'"
    )


def kept() -> dict[str, Any]:
    """Return what is known of each picture: the test that takes it, and the labels on it."""
    return json.loads(WORDS.read_text(encoding="utf-8")) if WORDS.is_file() else {}
