"""A report in a browser: it fits, its parts have names and contrast, and a guide to it shows it as it is."""

import csv
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from pictures import picture
from playwright.sync_api import Browser, expect
from visiting import DESKTOP, PHONE

from app.cli import main

PROMPTS = (
    "heavy rain on a window",
    "a steam train leaving the station",
    "church bells on a windy day",
    "a dog barking",
)
WORSE = {"baseline": 0.0, "sqd-lora-w8a8": 0.05, "sqs-w4a8": 0.9}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Analyse what 24 simulated people say of three conditions, the same as when the picture was taken."""
    folder, rng = tmp_path_factory.mktemp("report"), np.random.default_rng(21)
    with (folder / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("participant", "prompt", "condition", "score"))
        for person in range(1, 25):
            for prompt in PROMPTS:
                for condition, worse in WORSE.items():
                    score = round(np.clip(rng.normal(3.9 - worse, 0.7), 1, 5))
                    writer.writerow((f"R{person:03d}", prompt, condition, score))
    assert main(["analyze", str(folder / "ratings.csv"), "-o", str(folder / "made")]) == 0
    return folder / "made" / "report.html"


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_fits_and_has_no_serious_fault(report: Path, browser: Browser, size: tuple[int, int]) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(report.as_uri())
    expect(page.get_by_role("heading", name="Results", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"
    picture(page, "reading/report")
    faults = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in faults if one["impact"] in ("serious", "critical")] == []
    context.close()
