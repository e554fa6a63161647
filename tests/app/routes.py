"""The participant's routes over a study folder, without the pages, so that a study can be opened again and again."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from served import settings_of

from app.participant.answers import answer_routes
from app.participant.api import api_router
from app.participant.arrival import language_of
from app.participant.media import media_router
from app.study import Study
from app.web.refusals import answer_errors


class Routes:
    """A study being served; each visitor has cookies of their own, kept when it is opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.visitors: dict[str, TestClient] = {}
        self.open()

    def open(self) -> None:
        """Serve the study as its folder is now."""
        self.study = Study(self.folder, settings_of(self.folder))
        self.app = FastAPI()
        self.app.router.routes.extend(answer_routes(self.study))
        self.app.include_router(api_router(self.study))
        self.app.include_router(media_router(self.study))
        answer_errors(self.app, lambda request: language_of(self.study.config, request))

    def edit(self, *changes: tuple[str, str]) -> None:
        """Change study.yaml, and start the server again."""
        text = (self.folder / "study.yaml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"study.yaml has no {old}"
            text = text.replace(old, new)
        (self.folder / "study.yaml").write_text(text, encoding="utf-8")
        self.study.close()
        self.open()

    def visitor(self, name: str) -> TestClient:
        before = self.visitors.get(name)
        if before is None or before.app is not self.app:
            self.visitors[name] = TestClient(self.app, follow_redirects=False)
            self.visitors[name].cookies.update(before.cookies if before else {})
        return self.visitors[name]

    def begin(self, name: str) -> dict:
        """Bring a visitor to the first clip."""
        client = self.visitor(name)
        state = client.get("/api/state").json()
        while state["stage"] in ("consent", "sound_check", "instructions"):
            state = client.post("/api/step", json={"page": state["stage"]}).json()
        return state

    def rate(self, name: str, state: dict, **changes) -> dict:
        """Answer the open trial as its type of question wants it."""
        kind, urls = state["question"]["type"], state["trial"]["urls"]
        score = {"acr": 4, "ab": 1, "ccr": -2, "abx": 1, "text": None, "mushra": [40] * (len(urls) - 1)}[kind]
        answer = {
            "media": state["trial"]["media"],
            "score": score,
            "plays": 1,
            "heard_seconds": 60,
            "response_ms": 900,
            "comment": "a bird" if kind == "text" else "",
        }
        reply = self.visitor(name).post("/api/rate", json=answer | changes)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def finish(self, name: str, each: Callable[[dict], None] = lambda state: None) -> dict:
        state = self.begin(name)
        while state["stage"] != "done":
            each(state)
            if state["stage"] == "ready":
                state = self.visitor(name).post("/api/step", json={"page": "ready"}).json()
            else:
                state = self.rate(name, state)
        return state
