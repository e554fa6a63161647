"""One small thing of each kind that CONTRIBUTING.md tells how to add, as edits of files."""

import json
from pathlib import Path

Edit = str | tuple[tuple[str, str], ...]
"""The text of a new file, or what is put in place of what in one that is there."""

VERB = '''"""The verb greet: a word to a study."""

import argparse

from app.verbs.options import study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    made.add_argument("--loudly", action="store_true", help="in capitals")


def run(arguments: argparse.Namespace) -> None:
    """Greet a study."""
    print("HELLO" if arguments.loudly else "hello", arguments.study)
'''
SIGNS = '''"""Sign test of condition against baseline: how many raters prefer which."""

from dataclasses import replace

from scipy.stats import binomtest

from analysis.infer.compare import Comparison, holm, started
from analysis.read.matched import Differences


def signs(matched: Differences) -> tuple[Comparison, ...]:
    """Sign test of each condition against the reference, with Holm's adjustment.

    Examples
    --------
    >>> import pandas as pd
    >>> (row,) = signs(Differences("base", pd.DataFrame({"x": [0.5, 1.0, 0.25, 0.75]})))
    >>> row.p  # all four on one side: 2 of the 2 ** 4 ways
    0.125
    """
    rows = []
    for name in matched.conditions:
        differences, row = started(matched, name, "signs")
        up, down = int((differences > 0).sum()), int((differences < 0).sum())
        rows.append(replace(row, p=float(binomtest(up, up + down).pvalue)) if up + down else row)
    return holm(rows)
'''
PEAK = '''"""Peak: the highest sample of a clip, in dB of full scale."""

from __future__ import annotations

from math import log10

import numpy as np

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric


def peak(sound: Audio) -> float:
    """Give the level of the highest sample.

    Raises
    ------
    NoValueError
        If there is nothing but silence.

    Examples
    --------
    >>> peak(Audio(np.array([[0.1], [-1.0]], dtype=np.float32), 2))
    0.0
    """
    if sound.silent:
        raise NoValueError("it is silent")
    return 20 * log10(float(np.abs(sound.samples).max()))


def _of_clip(clip: Clip, given: Given) -> float:
    return peak(clip.audio())


PEAK = Metric(
    key="peak", name="peak (dBFS)", better="lower", low=None, high=0.0, needs=frozenset(), of_clip=_of_clip
)
'''
YES_NO_CLASS = '''class YesNo(AbsoluteCategory):
    """Yes or no: whether one clip matches."""

    name = "yesno"
    grades = (1, 0)
    checks = ()


'''
MOOD = '''def mood() -> str:
    """Read how it is."""
    return os.environ.get("EARMARK_MOOD", "well")


'''
YES_NO_ANALYSIS = '''"""Yes or no: the share of answers that say yes."""

from dataclasses import replace

import pandas as pd

from analysis.infer.compare import paired_t
from analysis.questions.findings import Findings, Table
from analysis.read.matched import cells


def yes_or_no(frame: pd.DataFrame, baseline: str, *, alpha: float) -> Findings:
    """Compare the shares of yes.

    Examples
    --------
    >>> frame = pd.DataFrame({"participant": list("aabb"), "prompt": "p", "condition": list("xyxy")})
    >>> yes_or_no(frame.assign(score=[1, 0, 1, 1]), "x", alpha=0.05).of("yesno_t")[0].estimate
    -0.5
    """
    shares = {str(name): float(given.mean()) for name, given in frame.groupby("condition")["score"]}
    matched = cells(frame, list(shares)).against(baseline)
    rows = tuple(replace(row, test="yesno_t") for row in paired_t(matched, alpha=alpha))
    sentences = tuple(f"{name}: {share:.0%} of the answers are yes." for name, share in shares.items())
    return Findings("yesno", rows, sentences, (Table("Shares", ("condition", "yes"), tuple(shares.items())),))
'''
YES_NO_ROW = """    "yesno": Question(
        "Yes or no",
        "answers yes (1) or no (0)",
        "heard one clip at a time and said whether it matches",
        "under every condition",
        range(2),
        "t",
    ),
"""
ENGINE = """    "plain": Engine(
        schemes={"static": integer.SCHEME, "dynamic": integer.SCHEME},
        groups=group_steps,
        narrow=True,
        fuse=lambda _: None,
        multiplies=integer.multiplies,
    ),
"""
WORDS = {
    "question_yesno": "Is it what the text says?",
    "how_3_yesno": "Say whether it is what the text says:",
    "yesno_1": "Yes, it is",
    "yesno_0": "No, it is not",
}
WORD_LINES = "".join(f"  {json.dumps(key)}: {json.dumps(said)},\n" for key, said in WORDS.items())

LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "zh")
NAMES = ('Literal["integer", "reference"]', 'Literal["integer", "plain", "reference"]')


def before(old: str, new: str) -> tuple[str, str]:
    """Put something before what is there."""
    return old, new + old


PLUGINS: dict[str, dict[str, Edit]] = {
    "a verb": {
        "app/verbs/study/greet.py": VERB,
        "app/verbs/study/__init__.py": (before('"new"', '"greet", '),),
        "app/cli.py": (
            ("study import account, demo, new", "study import account, demo, greet, new"),
            before("new, calibrate", "greet, "),
        ),
        "docs/cli.md": (
            before("## `earmark new`", "## `earmark greet`\n\n<!-- begin:verb-greet -->\n<!-- end:verb-greet -->\n\n"),
        ),
    },
    "a variant": {
        "quant/method/variants.py": (
            before('        Variant("sqs-w4a8"', '        Variant("sqd-lora-w8a8-r8", "dynamic", rank=8),\n'),
        )
    },
    "an engine": {
        "quant/engine/registry.py": (before('    "reference": Engine(', ENGINE),),
        "quant/method/variants.py": (NAMES,),
        "survey/config/rendering.py": (NAMES,),
    },
    "a key of study.yaml": {
        "survey/config/session.py": (
            before(
                "    break_minutes: Annotated",
                '    farewell: Annotated[str, TEXT] = "Bye"\n    """the last word"""\n',
            ),
        ),
        "docs/study.md": (before("`break_minutes`, `break_trials`", "`farewell`, "),),
    },
    "a question type": {
        "survey/trials/questions.py": (
            before("QUESTION_TYPES: dict", YES_NO_CLASS),
            ("        Slider,\n", "        Slider,\n        YesNo,\n"),
        ),
        **{f"app/static/texts/{language}.json": (before('  "reference": ', WORD_LINES),) for language in LANGUAGES},
        "analysis/read/question.py": (before('    "text": Question(', YES_NO_ROW),),
        "analysis/questions/yesno.py": YES_NO_ANALYSIS,
        "analysis/questions/dispatch.py": (
            before("from analysis.read.question", "from analysis.questions.yesno import yes_or_no\n"),
            before(
                '    "text": lambda',
                '    "yesno": lambda answers, asked, _, alpha: yes_or_no(\n'
                "        answers.frame, _baseline(answers, asked), alpha=alpha\n    ),\n",
            ),
        ),
        "docs/study.md": (before("| `text` | one clip |", "| `yesno` | one clip | yes or no | 1: yes, 0: no |\n"),),
        "docs/statistics.md": (before("| `text` | none |", "| `yesno` | 1 yes, 0 no | `yesno_t` |\n"),),
    },
    "a statistical test": {
        "analysis/infer/signs.py": SIGNS,
        "analysis/infer/__init__.py": (('"signed_rank"]', '"signed_rank", "signs"]'),),
        "analysis/conclude/battery.py": (
            before("from analysis.read.matched import", "from analysis.infer.signs import signs\n"),
            before("        *friedman(heard),\n", "        *signs(matched),\n"),
        ),
        "analysis/report/page.py": (
            before('            "friedman": (', '            "signs": ("Sign test", "", ""),\n'),
        ),
        "docs/statistics.md": (
            before("| `friedman` | –", "| `signs` | mean of d | – | – | – | `scipy.stats.binomtest` |\n"),
        ),
    },
    "a metric": {
        "analysis/metrics/unpaired/peak.py": PEAK,
        "analysis/metrics/unpaired/__init__.py": (before("]", ', "peak"'),),
        "analysis/metrics/registry.py": (
            before("\nMETRICS: ", "from analysis.metrics.unpaired.peak import PEAK\n"),
            ("    LOG_MEL_DISTANCE,\n", "    LOG_MEL_DISTANCE,\n    PEAK,\n"),
        ),
    },
    "a variable of the environment": {
        "app/settings.py": (
            before('    Variable("HF_TOKEN"', '    Variable("EARMARK_MOOD", "how it is in the mornings"),\n'),
            before("def log_level(", MOOD),
        )
    },
}


NAMED = {
    "a verb": "greet",
    "a variant": "sqd-lora-w8a8-r8",
    "an engine": "plain",
    "a key of study.yaml": "farewell",
    "a question type": "yesno",
    "a statistical test": "signs",
    "a metric": "peak",
    "a variable of the environment": "EARMARK_MOOD",
}
"""What each is called: all of them share a copy, in which no edit for one may serve another."""


def plug_in(house: Path, edits: dict[str, Edit]) -> None:
    """Make the edits in a copy of the repository; a text that is to be replaced must stand there once."""
    for name, edit in edits.items():
        path = house / name
        if isinstance(edit, str):
            assert not path.exists(), name
            path.write_text(edit, encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        for old, new in edit:
            assert text.count(old) == 1, f"{name}: {old!r} stands there {text.count(old)} times"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
