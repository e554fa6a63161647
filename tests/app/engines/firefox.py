"""Firefox, driven over WebDriver BiDi by the connection of selenium's: no driver stands between, as Debian has none."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from selenium.webdriver.remote.websocket_connection import WebSocketConnection
from window import PATIENCE, Window

PREFERENCES = {
    "media.cubeb.backend": "pulse-rust",  # the sound server of the tests, on a machine that has others too
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
}


class Firefox:
    """A browser of its own profile, whose sound goes to a server of PulseAudio's."""

    def __init__(self, folder: Path, sound_server: str) -> None:
        settings = "".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()
        )
        (folder / "user.js").write_text(settings, encoding="utf-8")
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        command = [program, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port=0"]
        environment = {**os.environ, "PULSE_SERVER": sound_server, "HOME": str(folder)}
        self.log = folder / "firefox.log"
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        self._connection = WebSocketConnection(f"{self._address(folder)}/session", PATIENCE, 0.01)
        self.send("session.new", capabilities={})

    def _address(self, folder: Path) -> str:
        deadline = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"Firefox ended at once: {self.log.read_text()}"
            for line in self.log.read_text(errors="replace").splitlines():
                if line.startswith("WebDriver BiDi listening on "):
                    return line.split()[-1]
            time.sleep(0.05)  # polling, not timing: the conditions above decide
        raise AssertionError(f"Firefox did not start: {self.log.read_text()}")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        reply = self._connection.send_cmd(method, parameters)
        assert "result" in reply, f"{method}: {reply.get('message', reply)}"
        return reply["result"]

    def visit(self, width: int = 1280, height: int = 800) -> "Tab":
        """Open a tab of somebody who has never been here."""
        person = self.send("browser.createUserContext")["userContext"]
        context = self.send("browsingContext.create", type="tab", userContext=person)["context"]
        self.send("browsingContext.setViewport", context=context, viewport={"width": width, "height": height})
        return Tab(self, context)

    def close(self) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.wait(PATIENCE)


class Tab(Window):
    """A tab of Firefox's."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self.browser, self.context = browser, context

    def goto(self, url: str) -> None:
        self.browser.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def refresh(self) -> None:
        self.browser.send("browsingContext.reload", context=self.context, wait="complete")

    def _run(self, script: str) -> dict[str, Any]:
        target = {"context": self.context}
        code = f"(() => {{ {script} }})()"
        answer = self.browser.send("script.evaluate", expression=code, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return answer["result"]

    def ask(self, script: str) -> Any:
        said = self._run(f"return JSON.stringify((() => {{ {script} }})())")
        return json.loads(said["value"]) if "value" in said else None

    def _act(self, **source: Any) -> None:
        self.browser.send("input.performActions", context=self.context, actions=[source])

    def click(self, selector: str) -> None:
        find = f"const node = document.querySelector({json.dumps(selector)});"
        node = self._run(f"{find} node.scrollIntoView({{block: 'center'}}); return node")
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": origin}
        clicks = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._act(type="pointer", id="mouse", actions=[move, *clicks])

    def press(self, key: str) -> None:
        self._act(type="key", id="keys", actions=[{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}])

    def token(self) -> str:
        wanted = {"partition": {"type": "context", "context": self.context}}
        held = self.browser.send("storage.getCookies", **wanted)["cookies"]
        (cookie,) = [one for one in held if one["name"].split(".")[0] == "earmark"]
        return cookie["value"]["value"]

    def shoot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            base64.b64decode(self.browser.send("browsingContext.captureScreenshot", context=self.context)["data"])
        )
