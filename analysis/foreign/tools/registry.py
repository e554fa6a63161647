"""Registry: the tools whose files are known, in the order in which they are tried: the plainest shape first."""

from __future__ import annotations

from analysis.foreign.clues.taken import Recogniser
from analysis.foreign.tools import (
    beaqle,
    forms,
    golisten,
    jspsych,
    mturk,
    p808,
    potato,
    qualtrics,
    voicemos,
    webmushra,
)

RECOGNISERS: tuple[Recogniser, ...] = (
    webmushra.recognised,
    p808.recognised,
    mturk.recognised,
    qualtrics.recognised,
    jspsych.recognised,
    potato.recognised,
    beaqle.recognised,
    golisten.recognised,
    forms.recognised,
    voicemos.recognised,
)
