"""WebKitGTK, driven by Debian's WebKitWebDriver: Safari shares the engine, and not its media stack nor its gestures.

The sound is decoded and played in real time into a sink of GStreamer's that throws it away: no device is needed and
nothing is heard.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Remote
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from window import PATIENCE, Window

# Without a sink for a device, autoaudiosink falls back on a fakesink that keeps time.
NO_DEVICES = ",".join(
    f"{name}sink:NONE" for name in ("alsa", "pulse", "pipewire", "jackaudio", "oss", "oss4", "openal")
)


class WebKit(Window):
    """A window of WebKitGTK's."""

    def __init__(self, driver: Remote) -> None:
        self.driver = driver

    def goto(self, url: str) -> None:
        self.driver.get(url)

    def refresh(self) -> None:
        self.driver.refresh()

    def ask(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def token(self) -> str:
        return next(one["value"] for one in self.driver.get_cookies() if one["name"].split(".")[0] == "earmark")

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def press(self, key: str) -> None:
        ActionChains(self.driver).send_keys(key).perform()

    def shoot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))


@contextmanager
def webkit_window(folder: Path, display: str) -> Iterator[WebKit]:
    """Open a window on a screen for as long as the context lasts."""
    settings = {
        "DISPLAY": display,
        "GDK_BACKEND": "x11",
        "NO_AT_BRIDGE": "1",
        "GST_PLUGIN_FEATURE_RANK": NO_DEVICES,
        "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
    }
    path, log = shutil.which("WebKitWebDriver"), str(folder / "webkit.log")
    service = Service(path, log_path=log, env={**os.environ, **settings})
    service.start()
    try:
        limits = ClientConfig(service.service_url, timeout=2 * PATIENCE)  # a browser that crashes says nothing
        driver = Remote(service.service_url, options=Options(), client_config=limits)
        yield WebKit(driver)
        driver.quit()
    finally:
        service.stop()
