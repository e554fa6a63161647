"""Clips under addresses that say nothing, and the sound for the sound check."""

import hashlib
import hmac
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from app.errors import RequestError
from app.study import Study
from db import TrialView

COOKIE = "earmark"
HEADERS = {
    "Cache-Control": "private, max-age=3600, immutable",
    "Content-Disposition": "inline",
    # The date of rendering differs from condition to condition, so that all files get the same one.
    "Last-Modified": "Sat, 01 Jan 2000 00:00:00 GMT",
}
RATE = 44_100


def media_id(key: bytes, trial: TrialView) -> str:
    """Return the address of a trial's clip: its position, and a code only this server can make."""
    subject = f"{trial.session_id}:{trial.position}:{trial.sha256}"
    return f"{trial.position:04x}" + hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()[:40]


def find_clip(study: Study, token: str | None, opaque: str) -> TrialView | None:
    """Return the clip behind an address if it belongs to the session of this token."""
    try:
        position = int(opaque[:4], 16)
    except ValueError:
        return None
    trial = study.store.clip(token, position) if token else None
    if trial is None or not hmac.compare_digest(media_id(study.secrets.key, trial).encode(), opaque.encode()):
        return None
    return trial


def media_router(study: Study) -> APIRouter:
    """Build the routes for sound."""
    router = APIRouter()

    @router.api_route("/media/sound-check", methods=["GET", "HEAD"])
    def sound_check() -> Response:
        return Response(sound_check_flac(round(study.loudness)), media_type="audio/flac", headers=HEADERS)

    @router.api_route("/media/{opaque}", methods=["GET", "HEAD"])
    def clip(opaque: str, request: Request) -> Response:
        trial = find_clip(study, request.cookies.get(COOKIE), opaque)
        if trial is None:
            raise RequestError(404, "this sound is not part of your session; reload the page")
        path = study.clips / trial.file
        try:
            stat = path.stat()
            intact = _sha256(path, stat.st_mtime_ns, stat.st_size) == trial.sha256
        except OSError:
            intact = False
        if not intact:  # being rendered anew: an answer must belong to the sound that was heard
            raise RequestError(503, "this sound is being replaced; try again in a minute")
        etag = f'"{hashlib.sha256(opaque.encode()).hexdigest()[:16]}"'
        return FileResponse(path, media_type="audio/flac", headers={**HEADERS, "ETag": etag})

    return router


@lru_cache(maxsize=8)
def sound_check_flac(loudness: int) -> bytes:
    """Render three soft notes on the left, the same on the right and in both, at this loudness in LUFS."""
    notes = np.concatenate([_note(frequency) for frequency in (392.0, 493.88, 587.33)])
    silent = np.zeros_like(notes)
    sound = np.concatenate([np.stack(sides, axis=1) for sides in ((notes, silent), (silent, notes), (notes, notes))])
    gain = 10 ** ((loudness - pyloudnorm.Meter(RATE).integrated_loudness(sound)) / 20)
    sound *= min(gain, 0.9 / np.abs(sound).max())
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _note(frequency: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    time = np.arange(int(0.4 * RATE)) / RATE
    envelope = np.minimum(time / 0.02, 1) * np.exp(-5 * time) * np.minimum((0.4 - time) / 0.02, 1)
    wave = np.sin(2 * np.pi * frequency * time) + 0.3 * np.sin(4 * np.pi * frequency * time)
    tone: np.ndarray[tuple[int], np.dtype[np.float64]] = envelope * wave
    return tone


@lru_cache(maxsize=4096)
def _sha256(path: Path, modified: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
