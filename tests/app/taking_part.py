"""A participant as a script: the requests that the page makes."""

import csv
import io

from served import PASSWORD, SECONDS


def step(client, page):
    answer = client.post("/api/step", json={"page": page})
    assert answer.status_code == 200, answer.text
    return answer.json()


def begin(client):
    state = client.get("/api/state").json()
    while state["stage"] in ("consent", "sound_check", "instructions"):
        state = step(client, state["stage"])
    return state


def body(state, score=4, **changes):
    fixed = {"media": state["trial"]["media"], "score": score, "plays": 1, "heard_seconds": SECONDS, "response_ms": 900}
    return fixed | changes


def rate(client, state, score=4, **changes):
    return client.post("/api/rate", json=body(state, score, **changes))


def finish(client, upto=10**6):
    state = begin(client)
    while state["stage"] != "done" and upto:
        if state["stage"] == "ready":
            state = step(client, "ready")
            continue
        upto -= 1
        state = rate(client, state).json()
    return state


def exported(client):
    assert client.post("/admin/login", data={"password": PASSWORD}).status_code == 303
    answer = client.get("/admin/export.csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))
