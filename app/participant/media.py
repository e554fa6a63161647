"""Clips under addresses that say nothing, and the sounds of the pages before them."""

import hashlib
import hmac
import os
import random
import re
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response

from app.errors import RequestError
from app.live.gate import intact
from app.live.health import lost_clips
from app.live.tones import headphone_flac, sound_check_flac
from app.participant.visitor import COOKIE
from app.study import Study
from app.watch.counters import CLIPS
from db import TrialView, UnknownParticipant
from survey.trials.quality import HEADPHONE_CHECKS, HEADPHONE_TRIALS, HEADPHONE_TRIES

MOST_TRIES = HEADPHONE_TRIES * max(map(len, HEADPHONE_CHECKS.values()))
ADDRESS = re.compile(r"[0-9a-f]{44}")
HEADERS = {
    "Cache-Control": "private, max-age=3600, immutable",
    "Content-Disposition": "inline",
    # The date of rendering differs from condition to condition, so that all files get the same one.
    "Last-Modified": "Sat, 01 Jan 2000 00:00:00 GMT",
}


class Sound(FileResponse):
    """A clip from its file, in pieces so large that reading it wakes few threads."""

    chunk_size = 256 * 1024


def media_id(key: bytes, trial: TrialView) -> str:
    """Return the address of a trial's clips: its position, and a code only this server can make."""
    subject = f"{trial.session_id}:{trial.position}:{trial.sha256}"
    return f"{trial.position:04x}" + hmac.digest(key, subject.encode(), "sha256").hex()[:40]


def media_urls(key: bytes, trial: TrialView) -> list[str]:
    """Return the addresses of a trial's clips, in the order heard."""
    opaque = media_id(key, trial)
    return [f"/media/{opaque}/{place}" for place in range(len(trial.clips))]


def find_trial(study: Study, token: str | None, opaque: str) -> TrialView | None:
    """Return the trial behind an address if it belongs to the session of this token."""
    if not ADDRESS.fullmatch(opaque):
        return None
    position = int(opaque[:4], 16)
    trial = study.store.trials.at(token, position) if token else None
    return trial if trial is not None and names(study, trial, opaque) else None


def names(study: Study, trial: TrialView, opaque: str) -> bool:
    """Say whether an address is this trial's."""
    return hmac.compare_digest(media_id(study.secrets.key, trial).encode(), opaque.encode(errors="replace"))


def headphone_answers(study: Study, session_id: int, tried: int) -> list[int]:
    """Return the right answers of a try at the headphone check, each of 0 to 2 twice: no favourite passes."""
    answers = [0, 1, 2] * (HEADPHONE_TRIALS // 3)
    random.Random(_drawn(study, f"headphones:{session_id}:{tried}")).shuffle(answers)  # noqa: S311 - from a secret
    return answers


def _drawn(study: Study, purpose: str) -> int:
    """Draw a number that only this server knows, the same at every call."""
    return int.from_bytes(hmac.digest(study.secrets.key, purpose.encode(), "sha256"))


def media_router(study: Study) -> APIRouter:
    """Build the routes for sound."""
    router = APIRouter()
    sound_check_flac(round(study.loudness))  # the first takes a second: not while somebody waits for it

    @router.api_route("/media/sound-check", methods=["GET", "HEAD"])
    def sound_check() -> Response:
        return Response(sound_check_flac(round(study.loudness)), media_type="audio/flac", headers=HEADERS)

    @router.api_route("/media/headphones/{tried}/{number}", methods=["GET", "HEAD"])
    def headphones(tried: int, number: int, request: Request) -> Response:
        try:
            state = study.store.sessions.state(request.cookies.get(COOKIE, ""))
        except UnknownParticipant:
            state = None
        known = 0 <= tried < MOST_TRIES and 0 <= number < HEADPHONE_TRIALS
        if state is None or not state.headphone or not known:
            raise RequestError(404, "this sound is not part of your session; reload the page")
        right = headphone_answers(study, state.session_id, tried)[number]
        seed = _drawn(study, f"headphones:{state.session_id}:{tried}:{number}")
        sound = headphone_flac(state.headphone, right, seed, round(study.loudness))
        # The next person at this browser gets other sounds under the same address.
        return Response(sound, media_type="audio/flac", headers=HEADERS | {"Cache-Control": "no-store"})

    def look(opaque: str, place: int, request: Request) -> tuple[TrialView, Path, os.stat_result]:
        """Find a clip of who asks; where it cannot be played, say why."""
        trial = find_trial(study, request.cookies.get(COOKIE), opaque)
        if trial is None or not 0 <= place < len(trial.clips):
            raise RequestError(404, "this sound is not part of your session; reload the page")
        wanted = trial.clips[place]
        path = study.clips / wanted.file
        if not intact(path, wanted.sha256):  # an answer must belong to the sound that was heard
            if study.health.replacing():
                raise RequestError(503, "this sound is being replaced; try again in a minute")
            study.health.note(lost_clips([wanted.file]))
            raise RequestError(500, "this sound is missing on the server; it can be skipped")
        return trial, path, path.stat()

    @router.api_route("/media/{opaque}/{place}", methods=["GET", "HEAD"])
    async def clip(opaque: str, place: int, request: Request) -> Response:
        trial, path, facts = await run_in_threadpool(look, opaque, place, request)
        if request.method == "GET" and place not in trial.served:
            await study.store.trials.noted_served(trial, place)
        begins = request.method == "GET" and request.headers.get("range", "bytes=0-").startswith("bytes=0-")
        if begins and study.counts:
            CLIPS.inc()
        etag = f'"{hashlib.sha256(f"{opaque}/{place}".encode()).hexdigest()[:16]}"'
        return Sound(path, media_type="audio/flac", headers={**HEADERS, "ETag": etag}, stat_result=facts)

    return router
