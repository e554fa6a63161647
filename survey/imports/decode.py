"""Decode: what an audio file is, and its sound, by libsndfile or, for what that does not read, by ffmpeg."""

import json
import math
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from survey.errors import SourceError

Audio = NDArray[np.float32]

LONGEST = 300.0  # seconds of a clip; all clips of a prompt are in memory at once
MOST_CHANNELS = 2
FFMPEG_SECONDS = 120  # within which it is to have decoded a file
# Of ffmpeg's containers those of sound: others, such as playlists, name further files.
CONTAINERS = "aac,ac3,aiff,amr,ape,asf,au,caf,dsf,eac3,flac,matroska,mov,mp3,mpc,mpc8,ogg,tta,voc,w64,wav,webm,wv"
# How libsndfile says that a file ends before its sound does: what its header promises, and what is there.
CUT_SHORT = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
PLACEHOLDER = 2**31 - 2**16  # bytes; from here on a program that writes to a pipe did not know the length


@dataclass(frozen=True, slots=True)
class Sound:
    """What an audio file is: Hz, channels, seconds, its container and coding, and what decodes it."""

    sample_rate: int
    channels: int
    seconds: float
    format: str
    decoder: str


def look(path: Path, shown: str) -> Sound:
    """Read what a file is, without decoding it.

    Raises
    ------
    SourceError
        If it is no audio that can be decoded, too long, or of more than two channels; one line, without the source.
    """
    try:
        info = soundfile.info(path)
        found = Sound(info.samplerate, info.channels, info.duration, f"{info.format} {info.subtype}", "libsndfile")
        _refuse_cut(info.extra_info, shown)
    except (soundfile.SoundFileError, OSError) as error:
        found = _probe(path, shown, error)
    if found.seconds > LONGEST:
        raise SourceError(f"{shown} lasts {_clock(found.seconds)}; a clip may last {_clock(LONGEST)}: cut it")
    if found.channels > MOST_CHANNELS:
        raise SourceError(f"{shown} has {found.channels} channels; mix it down to {MOST_CHANNELS}")
    if not found.seconds > 0:
        raise SourceError(f"{shown} holds no sound; replace it")
    return found


def decode(path: Path, shown: str, sound: Sound) -> Audio:
    """Decode a file: (samples, channels) in -1 to 1.

    Raises
    ------
    SourceError
        If that fails on the way, or the sound has values that are not numbers.
    """
    if sound.decoder == "ffmpeg":
        audio = _decoded(path, shown, sound)
    else:
        try:
            audio, _ = soundfile.read(path, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            raise SourceError(f"{shown} cannot be decoded ({_one_line(error)}); replace it") from None
    if not len(audio):
        raise SourceError(f"{shown} holds no sound; replace it")
    if not np.isfinite(audio).all():
        raise SourceError(f"{shown} has values that are not numbers; write it again")
    return audio


def _refuse_cut(said: str, shown: str) -> None:
    """Refuse a file of which the end is missing, as after a copy that broke off; its sound would just stop."""
    for promised, there in CUT_SHORT.findall(said):
        if int(there) < int(promised) < PLACEHOLDER:
            raise SourceError(f"{shown} is cut short ({there} of {promised} bytes of sound are there); copy it again")


def _probe(path: Path, shown: str, refused: Exception) -> Sound:
    """Ask ffmpeg what a file is that libsndfile does not read."""
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        raise SourceError(
            f"{shown} cannot be decoded ({_one_line(refused)}); replace it, or install ffmpeg, which reads more formats"
        )
    asked = ["ffprobe", *_quiet(), "-select_streams", "a:0", "-show_streams", "-show_format", "-of", "json", _url(path)]
    answer: dict[str, Any] = json.loads(_run(asked, shown) or b"{}")
    streams, container = answer.get("streams", []), answer.get("format", {})
    if not streams:
        raise SourceError(f"{shown} cannot be decoded (it holds no sound); replace it")
    stream = streams[0]
    seconds = next((float(text) for text in (stream.get("duration"), container.get("duration")) if text), math.nan)
    if math.isnan(seconds):  # some streams do not say; what decodes at most one second too much is refused below
        seconds = LONGEST / 2
    name = f"{container.get('format_name', '').split(',')[0]} {stream.get('codec_name', '')}"
    return Sound(int(stream["sample_rate"]), int(stream["channels"]), seconds, name, "ffmpeg")


def _decoded(path: Path, shown: str, sound: Sound) -> Audio:
    most = ["-t", f"{LONGEST + 1:g}"]
    asked = ["ffmpeg", *_quiet(), "-nostdin", "-i", _url(path), "-map", "0:a:0", *most, "-f", "f32le", "-"]
    audio = np.frombuffer(_run(asked, shown), dtype="<f4").reshape(-1, sound.channels)
    if len(audio) > LONGEST * sound.sample_rate:
        raise SourceError(f"{shown} lasts longer than {_clock(LONGEST)}; cut it")
    return audio


def _run(command: list[str], shown: str) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, timeout=FFMPEG_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        raise SourceError(f"{shown} was not decoded within {FFMPEG_SECONDS} s; write it as WAV") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition(": ")[2] or "no sound"
        raise SourceError(f"{shown} cannot be decoded ({_one_line(last)}); replace it") from None
    return done.stdout


def _quiet() -> list[str]:
    return ["-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS]


def _url(path: Path) -> str:
    return f"file:{path.resolve()}"


def _one_line(error: object) -> str:
    """Say what is wrong without the path, which the caller has."""
    said = " ".join(str(error).split())
    return said.rpartition(": ")[2].rstrip(".").lower()[:120] or "unknown"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
