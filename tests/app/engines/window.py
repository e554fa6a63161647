"""A participant's window in an engine other than Chromium: what is done and seen there, whatever drives it."""

import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from selenium.webdriver.common.keys import Keys

PATIENCE = 30.0  # seconds; two busy cores are slow
FAULTS = """
  window.faults = [];
  addEventListener("error", (event) => window.faults.push(event.message));
  addEventListener("unhandledrejection", (event) => window.faults.push(String(event.reason)));
"""


class Window(ABC):
    """A participant's window."""

    @abstractmethod
    def goto(self, url: str) -> None: ...

    @abstractmethod
    def refresh(self) -> None: ...

    @abstractmethod
    def ask(self, script: str) -> Any:
        """Run the body of a function in the page, and say what it returns."""

    @abstractmethod
    def click(self, selector: str) -> None: ...

    @abstractmethod
    def press(self, key: str) -> None: ...

    @abstractmethod
    def token(self) -> str: ...

    @abstractmethod
    def shoot(self, path: Path) -> None: ...

    def open(self, url: str) -> None:
        self.goto(url)
        self._listen_for_faults()

    def reload(self) -> None:
        self.refresh()
        self._listen_for_faults()

    def _listen_for_faults(self) -> None:
        self.ask(FAULTS)
        self.until("window.__ready")

    def until(self, condition: str) -> None:
        """Wait until an expression is true in the page."""
        deadline = time.monotonic() + PATIENCE
        while not self.ask(f"return Boolean({condition})"):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{condition}\nis not so; the page says:\n{self.ask('return document.body.innerText')}"
                )
            time.sleep(0.05)  # polling, not timing: the condition above decides

    def sees(self, selector: str) -> None:
        self.until(f"document.querySelector({json.dumps(selector)})?.getClientRects().length")

    def at(self, stage: str) -> None:
        self.sees(f'.shell[data-stage="{stage}"]')

    def on(self, count: str) -> None:
        self.reads("count", count)

    def reads(self, part: str, text: str) -> None:
        """Wait until a part of the card says this."""
        self.until(f"document.querySelector('[data-part=\"{part}\"]').textContent.includes({json.dumps(text)})")

    def primary(self) -> None:
        self.sees('[data-action="primary"]:not([aria-disabled="true"])')
        self.click('[data-action="primary"]')

    def grade(self, score: int) -> None:
        """Wait until the grade may be chosen."""
        self.sees(f'.grade[data-score="{score}"][aria-disabled="false"]')

    def rate_by_mouse(self, score: int) -> None:
        self.click('[data-action="play"]')
        self.grade(score)
        self.click(f'.grade[data-score="{score}"]')
        self.sees(f'.grade[data-score="{score}"][aria-checked="true"]')
        self.click('[data-action="next"]')

    def rate_by_keys(self, score: int) -> None:
        self.press(Keys.SPACE)
        self.grade(score)
        self.press(str(score))
        self.press(Keys.ENTER)
