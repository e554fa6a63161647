"""Registry: the tools whose files are known, in the order in which they are tried: the plainest shape first."""

from __future__ import annotations

from analysis.foreign.clues.taken import Recogniser
from analysis.foreign.tools import forms, mturk, p808, qualtrics, voicemos, webmushra

RECOGNISERS: tuple[Recogniser, ...] = (
    webmushra.recognised,
    p808.recognised,
    mturk.recognised,
    qualtrics.recognised,
    forms.recognised,
    voicemos.recognised,
)
