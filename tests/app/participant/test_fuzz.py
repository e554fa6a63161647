"""Whatever is sent to a participant's address, in any of its parts: refused in one line or harmless, never a fault."""

import json
import random
from typing import Any

import pytest
from routes import Routes
from served import write_study

ROUNDS = 400
JSON = {"content-type": "application/json"}
# As they stand in JSON, so that what Python would not write is sent too.
DEEP = ["[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000, "[" * 40 + "]" * 40]
NUMBERS = [
    *("NaN", "-Infinity", "1e400", "-1e400", "1e308", "5e-324", "-0.0", "9" * 400, "9" * 5000, "-1", "0", "3", "1.5"),
    *(str(2**31), str(2**63), str(2**64)),
]
TEXTS = [
    *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\u202e\\ufeff\\uffff"', '""', '" "', '"😀"'),
    *('"' + "x" * 5000 + '"', '"' + "日" * 200 + '"', '"\'; DROP TABLE rating; --"', '"../../etc/passwd"'),
]
OTHERS = ["null", "true", "false", "[]", "{}", '{"\\ud800": 1}', '{"\\u0000": "\\u0000"}', "[1, 2]", "[null]", ""]
PARTS = [
    *("\0", "%00", "%ff", "%ed%a0%80", "\u0660", "😀", "%0a", "%0d%0aX: y", "%2e%2e%2f", "9" * 400, "x" * 3000),
    *("NaN", "-1", "'", '"', "\\", "%", "%zz", ";", " ", "", "\\000", "\\777", "\x7f", "é"),
]
PATHS = ["/join?PROLIFIC_PID=X", "/?PROLIFIC_PID=X&X=X", "/p/X", "/p/X/withdraw", "/withdraw?X", "/api/state?X=X",
         "/texts/X.json", "/media/X/0", "/media/MEDIA/X", "/media/X/X", "/media/headphones/X/X", "/media/sound-check?X",
         "/healthz?X", "/X", "/api/X"]  # fmt: skip
HEADERS = ["user-agent", "accept-language", "accept", "origin", "host", "range", "if-none-match", "if-range", "cookie",
           "x-forwarded-for", "x-forwarded-proto", "content-type", "forwarded", "accept-encoding"]  # fmt: skip
COOKIES = ["earmark", "earmark-from", "earmark-admin", "earmark-device"]


@pytest.fixture(scope="module")
def routes(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Routes:
    """Serve a study with everything that takes words."""
    folder = write_study(
        tmp_path_factory.mktemp("fuzz") / "study",
        session="headphone_check: none, comments: true, go_back: true, must_listen: false",
        recruitment="platform: prolific, demographics: [language, age], target_participants: 10000",
    )
    own = "questions: [{name: mood, ask: How are you, type: multiple, options: [a, b]}]\n"
    (folder / "study.yaml").write_text((folder / "study.yaml").read_text(encoding="utf-8") + own, encoding="utf-8")
    return Routes(folder)


class Sender:
    """Somebody who sends odd things from the clip where they are."""

    def __init__(self, routes: Routes, rng: random.Random) -> None:
        self.rng, self.routes, self.name = rng, routes, f"visitor {rng.random()}"
        self.client = routes.visitor(self.name)
        self.client.get(f"/join?PROLIFIC_PID={rng.random()}")
        self.begin()

    def begin(self, **headers: str) -> None:
        state = self.client.post("/api/step", json={"page": "consent"}, headers=headers).json()
        while state.get("stage") in ("questions", "sound_check", "instructions"):
            if state["stage"] == "questions":
                answers = {"answers": {"language": "German", "age": "30_44", "mood": ["b"]}}
                state = self.client.post("/api/questions", json=answers).json()
            else:
                state = self.client.post("/api/step", json={"page": state["stage"]}).json()
        self.media = state["trial"]["media"] if state.get("trial") else "0" * 44

    def value(self) -> str:
        return self.rng.choice(self.rng.choice([DEEP, NUMBERS, TEXTS, OTHERS]))

    def body(self) -> tuple[str, str]:
        """Return a path, and a good body in which one value, key, or all of it is odd."""
        good: dict[str, dict[str, object]] = {
            "/api/step": {"page": "instructions", "volume": 0.5},
            "/api/questions": {"answers": {"language": "German", "age": "30_44", "mood": ["b"]}, "page": "questions",
                               "after": 0},
            "/api/headphones": {"tried": 0, "answers": [0, 1, 2, 0, 1, 2]},
            "/api/rate": {"media": self.media, "score": 3, "plays": 1, "heard_seconds": 1.0, "response_ms": 9,
                          "comment": "fine", "revises": False},
            "/api/skip": {"media": self.media, "reason": "undecodable"},
            "/api/event": {"kind": "play", "position": 1, "detail": {"at": 0.5}},
            "/api/withdraw": {},
        }  # fmt: skip
        path = self.rng.choice(list(good))
        parts = {json.dumps(key): json.dumps(value) for key, value in good[path].items()}
        odd = self.rng.randrange(5)
        if odd == 0:
            return path, self.value()
        key = self.rng.choice([*parts, '"more"'])
        if odd == 1:
            parts[self.rng.choice(TEXTS)] = self.value()
        elif odd == 2 and path in ("/api/event", "/api/questions"):
            inner = f"{{{self.rng.choice(TEXTS)}: {self.value() or 1}}}"
            parts['"detail"' if path == "/api/event" else '"answers"'] = inner
        else:
            parts[key] = self.value()
        return path, "{" + ", ".join(f"{key}: {value}" for key, value in parts.items()) + "}"

    def odd(self) -> tuple[str, Any]:
        """Send one odd thing; return its address with the answer."""
        path, words = self.body()
        client, method, content, headers = self.client, "POST", words.encode(), dict(JSON)
        part, kind = (
            self.rng.choice(PARTS),
            self.rng.choice(["body", "body", "bytes", "path", "header", "cookie", "new"]),
        )
        if kind == "bytes":
            content = self.rng.randbytes(self.rng.randrange(40))
        elif kind == "path":
            path = self.rng.choice(PATHS).replace("X", part).replace("MEDIA", self.media)
            method, path = "GET", path.replace("\0", "%00").replace("\x7f", "%7f")
        elif kind == "header":
            odd = f"{self.rng.choice(['', 'Chrome/', 'en;q=', 'bytes='])}{part}".encode()
            method, path = "GET", self.rng.choice(["/api/state", "/join", f"/media/{self.media}/0"])
            headers = {self.rng.choice(HEADERS).encode(): odd}
        elif kind == "cookie":
            client = self.routes.visitor(f"stranger {self.rng.random()}")
            headers[b"cookie"] = f'{self.rng.choice(COOKIES)}="{part}"; earmark{part}={part}'.encode()
        elif kind == "new":  # what a browser says of itself is stored with the consent
            client = self.routes.visitor(f"stranger {self.rng.random()}")
            client.get(f"/join?PROLIFIC_PID={self.rng.random()}")
            client.get("/api/state")
            path, content = "/api/step", b'{"page": "consent"}'
            name = self.rng.choice([b"user-agent", b"accept-language"])
            headers[name] = f"{self.rng.choice(['', 'Firefox/', 'Chrome/', 'de-'])}{part}".encode()
        print(f"{method} {path} {headers} {content[:300]!r}")
        return path, client.request(method, path, headers=headers, content=content if method == "POST" else None)


def test_nothing_odd_is_a_fault(routes, seed):
    sender = Sender(routes, random.Random(seed))
    for _ in range(ROUNDS):
        path, answer = sender.odd()
        assert answer.status_code < 500, answer.text[:300]
        if answer.status_code == 200 and path == "/api/withdraw":
            sender = Sender(routes, sender.rng)
        if answer.status_code >= 400 and answer.headers["content-type"] == "application/json":
            assert "\n" not in answer.json()["error"]
    for row in routes.study.store.results.events():
        json.loads(row.detail, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert list(routes.study.store.results.sessions())
