"""The sounds that say what to answer: the researcher's recordings, or else tones to be counted."""

import hashlib
from pathlib import Path

import soundfile

import atomic
from app.errors import UsageError
from app.live.tones import counted_tones
from app.texts import texts
from db import CHECK
from survey import Clip
from survey.trials.design import INSTRUCTED

SPOKEN, TONES = "checks/spoken", "checks/tones"
INSTRUCTIONS = {SPOKEN: "do_listen", TONES: "do_count"}
"""The page's words for a sound that says what to answer, by the folder of the clips that it lies in."""


def instructed_clips(study: Path, loudness: float) -> list[Clip]:
    """Write the sounds that say what to answer: the researcher's recordings in `spoken/`, or else tones to be counted.

    A recording is named by its answer, such as `2.flac`, and says it; the page says in its own language what
    to do. The tones get the `loudness` (LUFS) of the clips. Raises UsageError for a recording that is none.
    """
    spoken = sorted((study / "spoken").glob("[1-5].flac"))
    sources = {path.stem: path for path in spoken} or dict.fromkeys("234")
    kind, made = SPOKEN if spoken else TONES, []
    folder = study / "clips" / kind
    for answer, source in sources.items():
        content = source.read_bytes() if source else counted_tones(int(answer), loudness)
        path = folder / f"{answer}.flac"
        with atomic.replacing(path) as temporary:
            temporary.write_bytes(content)
        try:
            facts = soundfile.info(path)
        except soundfile.SoundFileError as error:
            raise UsageError(f"{source}: cannot be read as sound ({error}); record it again as FLAC") from error
        made.append(
            Clip(
                stimulus=f"instructed.{answer}",
                prompt_id=f"instructed-{answer}",
                prompt=texts("en")[INSTRUCTIONS[kind]],
                condition=CHECK,
                seed=int(answer),
                file=f"{kind}/{path.name}",
                sha256=hashlib.sha256(content).hexdigest(),
                seconds=facts.duration,
                sample_rate=facts.samplerate,
                channels=facts.channels,
                gain_db=0.0,
                loudness_lufs=loudness,
                kind=INSTRUCTED,
                expected=float(answer),
            )
        )
    return made
