"""The researcher's page beside 100,000 ratings: milliseconds until it answers, and what it takes of a processor.

One participant goes through a session; it is copied until there are that many ratings. The page is asked for as a
browser with it open asks: the progress of the work every 4 s, the numbers every 10 s, with the marks that it was given.
"""

from __future__ import annotations

import http.client
import json
import secrets
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert, select

from app.researcher.page import IDLE_SECONDS, NUMBERS_SECONDS
from benchmarks.common.report import options, publish
from benchmarks.load.single import Browser, processor_seconds, written

RATINGS, ROUNDS, WATCHED_SECONDS, TABS = 100_000, 7, 60, 3
NOTES = {
    "ratings": "ratings that are there",
    "first_ms": "ms for all numbers, the first time after the server was started (target 300)",
    "page_ms": "ms for the page itself",
    "numbers_ms": "ms for all numbers, when nothing has changed (target 300)",
    "after_answer_ms": "ms for all numbers, after one more answer (target 300)",
    "open_percent": "% of a processor that one open page takes while nothing happens (target 2)",
    "tabs_percent": "the same of three open pages",
    "watched_percent": "% of a processor that an open page takes while 2 answers a second come (target 2)",
}


def copied(study: Path, count: int) -> int:
    """Copy the one session of a study until it has so many ratings, and return how many there are."""
    from served import store_of

    from db.engine import reading, writing
    from db.tables import Base

    tables = Base.metadata.tables
    store = store_of(study)

    def rows(db: Any, name: str, column: str, keys: list[int]) -> list[dict[str, Any]]:
        found = db.execute(select(tables[name]).where(tables[name].c[column].in_(keys))).mappings()
        return [dict(row) for row in found]

    with reading(store.scope.engine) as db:
        (session,) = [dict(row) for row in db.execute(select(tables["session"])).mappings()]
        (person,) = rows(db, "participant", "id", [session["participant_id"]])
        trials = rows(db, "trial", "session_id", [session["id"]])
        keys = [row["id"] for row in trials]
        ratings, served = rows(db, "rating", "trial_id", keys), rows(db, "served", "trial_id", keys)
        events = rows(db, "event", "session_id", [session["id"]])
    counted = sum(row["kind"] == "trial" for row in trials)
    copies = count // counted
    made: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("participant", "session", "trial", "rating", "served", "event")
    }
    for number in range(2, copies + 1):
        mark = {"token": secrets.token_hex(16), "link": secrets.token_hex(16), "code": f"P{number:03}"}
        shift = number * 1000
        made["participant"].append({**person, **mark, "id": shift})
        made["session"].append({**session, "id": shift, "participant_id": shift, "design_index": number * 3})
        made["trial"] += [{**row, "id": shift + row["id"], "session_id": shift} for row in trials]
        made["rating"] += [{**row, "id": shift + row["id"], "trial_id": shift + row["trial_id"]} for row in ratings]
        made["served"] += [{**row, "trial_id": shift + row["trial_id"]} for row in served]
        made["event"] += [{**row, "id": shift + row["id"], "session_id": shift} for row in events]
    with writing(store.scope.engine) as db:
        for name, held in made.items():
            db.execute(insert(tables[name]), held)
    store.close()
    return copies * counted


class Desk:
    """The researcher's page, open in a browser: a login, and the marks of what it shows."""

    def __init__(self, port: int, password: str) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookie, self._seen = "", {"draw_numbers": [""], "draw_both": ["", ""]}
        answer, _ = self._ask("POST", "/admin/login", urlencode({"password": password}))
        self._cookie = (answer.headers.get("Set-Cookie") or "").partition(";")[0]

    def page(self) -> float:
        """Ask for the page; the milliseconds that it took."""
        began = time.perf_counter()
        self._ask("GET", "/admin/", None)
        return (time.perf_counter() - began) * 1000

    def draw(self, name: str) -> float:
        """Ask for what a timer of the page asks for; the milliseconds that it took."""
        began = time.perf_counter()
        _, content = self._ask("POST", f"/admin/gradio_api/run/{name}", json.dumps({"data": self._seen[name]}))
        took = (time.perf_counter() - began) * 1000
        first = json.loads(content)["data"][0]
        self._seen[name][0] = first if isinstance(first, str) else self._seen[name][0]
        return took

    def _ask(self, method: str, path: str, body: str | None) -> tuple[http.client.HTTPResponse, bytes]:
        form = "application/x-www-form-urlencoded" if path.endswith("login") else "application/json"
        headers = {"Cookie": self._cookie, "Content-Type": form}
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:200].decode(errors='replace')}")
        return answer, content


def watched(pid: int, desks: list[Desk], each: Any = lambda: None) -> float:
    """Keep pages open for a minute; the share of a processor that the server takes, in percent.

    ``each`` is done twice a second.
    """
    for desk in desks:
        desk.draw("draw_numbers")
        desk.draw("draw_both")
    began, spent = time.monotonic(), processor_seconds(pid)
    due = dict.fromkeys((IDLE_SECONDS, NUMBERS_SECONDS), began)
    while (now := time.monotonic()) < began + WATCHED_SECONDS:
        for every, name in ((IDLE_SECONDS, "draw_both"), (NUMBERS_SECONDS, "draw_numbers")):
            if now >= due[every]:
                due[every] += every
                for desk in desks:
                    desk.draw(name)
        each()
        time.sleep(0.5)
    return 100 * (processor_seconds(pid) - spent) / (time.monotonic() - began)


def main() -> None:
    """Fill a study, open its page, and print how long it takes."""
    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as folder, written(Path(folder), 100_000) as server:
        from served import PASSWORD, settings_of

        from app.study import Study
        from db import Answer

        Browser(server.port, "203.0.113.1").take_part()
        server.stop()
        figures = {"ratings": float(copied(server.folder, RATINGS))}
        server.start()
        desk = Desk(server.port, PASSWORD)
        figures["page_ms"] = median(desk.page() for _ in range(ROUNDS))
        figures["first_ms"] = desk.draw("draw_numbers")
        figures["numbers_ms"] = median(desk.draw("draw_numbers") for _ in range(ROUNDS))
        study, people = Study(server.folder, settings_of(server.folder)), []
        store = study.store

        def answer() -> None:
            """Have somebody who is under way answer once more; the work of storing it is not the server's here."""
            if not people:
                people.extend(store.participants.invite(20))
            token = people.pop(0)
            state = store.sessions.start(token)
            while state.trial is None and state.stage != "done":
                state = store.sessions.confirm(token, state.stage)
            if state.trial is not None:
                store.sessions.rate(token, Answer(state.trial.same, 4, 1, 60.0, 60_000))
                people.append(token)

        times = []
        for _ in range(ROUNDS):
            answer()
            times.append(desk.draw("draw_numbers"))
        figures["after_answer_ms"] = median(times)
        figures["open_percent"] = watched(server.pid, [desk])
        figures["tabs_percent"] = watched(server.pid, [desk] + [Desk(server.port, PASSWORD) for _ in range(TABS - 1)])
        figures["watched_percent"] = watched(server.pid, [desk], answer)
        study.close()
    publish({name: figures[name] for name in NOTES}, NOTES, arguments.json)


if __name__ == "__main__":
    main()
