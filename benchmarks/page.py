"""The participant's page in headless Chromium: how soon it can be used, and how soon the next clip is ready."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import gradio as gr
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.common.borrowed import borrow
from benchmarks.common.report import options, publish

VISITS, CLIPS = 7, 12
SLOW = {"offline": False, "latency": 100, "downloadThroughput": 4e6 / 8, "uploadThroughput": 1e6 / 8}
NOTES = {
    "first_load_kb": "kB on a first visit, sounds aside (target 250)",
    "usable_s": "s until the page can be used, on loopback (target 1)",
    "bare_s": "s until a page of one word can be used, as Gradio serves it",
    "usable_slow_s": "s at 4 Mbit/s with 100 ms (target 2.5)",
    "next_clip_ms": "ms from the click to the next clip on screen, its sound at hand (target 100)",
    "layout_shift": "layout shift between trials, all of them added up (target 0)",
}

# From the click until the next clip's number stands there, and until the frame after it is drawn.
NEXT = """() => new Promise((resolve) => {
  const count = document.querySelector('[data-part="count"]');
  const began = performance.now();
  new MutationObserver((_, watch) => {
    watch.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - began));
  }).observe(count, { childList: true, characterData: true, subtree: true });
  document.querySelector('[data-action="next"]').click();
})"""
WATCH_SHIFTS = """() => {
  window.shifts = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifts += entry.value)))
    .observe({ type: "layout-shift" });
}"""


@contextmanager
def visit(browser: Browser, network: dict[str, Any] | None = None) -> Iterator[tuple[Page, list[float]]]:
    """Give a page with an empty cache, and the bytes that every request but those for sounds brings."""
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    if network:
        session.send("Network.emulateNetworkConditions", network)
    sounds: set[str] = set()
    sizes: list[float] = []

    def sent(event: dict[str, Any]) -> None:
        if "/media/" in event["request"]["url"]:
            sounds.add(event["requestId"])

    def loaded(event: dict[str, Any]) -> None:
        if event["requestId"] not in sounds:
            sizes.append(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", sent)
    session.on("Network.loadingFinished", loaded)
    try:
        yield page, sizes
    finally:
        context.close()


def usable(browser: Browser, url: str, network: dict[str, Any] | None = None) -> tuple[float, float]:
    """Seconds until a first visitor can use the page, and the kB that came."""
    with visit(browser, network) as (page, sizes):
        page.goto(url, wait_until="commit")
        page.wait_for_function("window.__ready", polling="raf")
        seconds = float(page.evaluate("performance.now() / 1000"))
        page.wait_for_load_state("networkidle")
        return seconds, sum(sizes) / 1000


@contextmanager
def bare_page() -> Iterator[str]:
    """Serve a page of one word as Gradio does it; the URL."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.HTML("ready", js_on_load="window.__ready = true")
    _, url, _ = page.launch(quiet=True, prevent_thread_lock=True, ssr_mode=False, footer_links=[])
    try:
        yield url
    finally:
        page.close(verbose=False)


def rate_clips(browser: Browser, url: str) -> tuple[list[float], float]:
    """Rate some clips: the milliseconds to each next one, and the layout shift on the way."""
    with visit(browser) as (page, _):
        page.goto(url)
        page.wait_for_function("window.__ready")
        for stage in ("consent", "sound_check", "instructions"):
            page.wait_for_selector(f'.shell[data-stage="{stage}"]')
            if stage == "sound_check":
                page.click('[data-action="notes"]')
                page.wait_for_selector('[data-action="primary"][aria-disabled="false"]')
            page.click('[data-action="primary"]')
        page.wait_for_selector('.shell[data-stage="trials"]')
        page.evaluate(WATCH_SHIFTS)
        taken = []
        for _ in range(CLIPS):
            page.keyboard.press("Space")
            page.wait_for_selector('.grade[data-score="3"][aria-disabled="false"]')
            page.keyboard.press("3")
            page.wait_for_load_state("networkidle")  # the next clip is loaded ahead while this one is heard
            taken.append(float(page.evaluate(NEXT)))
        return taken, float(page.evaluate("window.shifts"))


def main() -> None:
    """Serve a study of short noises and visit it."""
    arguments = options(__doc__)
    borrow()
    from served import Server, write_study  # the tests' study

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, bare_page() as bare, sync_playwright() as playwright:
        server = Server(write_study(Path(folder) / "study", session="headphone_check: none, practice: 0"))
        server.start()
        flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        try:
            url = f"{server.url}/study/"
            usable(browser, url)  # the server compresses each file once
            usable(browser, bare)
            visits, floor = [], []
            for _ in range(VISITS):
                visits.append(usable(browser, url))
                floor.append(usable(browser, bare)[0])
            slow = [usable(browser, url, SLOW)[0] for _ in range(VISITS)]
            taken, shift = rate_clips(browser, url)
        finally:
            browser.close()
            server.stop()
    figures = {
        "first_load_kb": median(kilobytes for _, kilobytes in visits),
        "usable_s": median(seconds for seconds, _ in visits),
        "bare_s": median(floor),
        "usable_slow_s": median(slow),
        "next_clip_ms": median(taken),
        "layout_shift": shift,
    }
    publish(figures, NOTES, arguments.json)


if __name__ == "__main__":
    main()
