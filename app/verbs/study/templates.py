"""Templates: a commented study.yaml for each type of test, put together of the template and the examples."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.folder import EXAMPLES, TEMPLATE
from app.verbs.results.plan import PLANNED

DESCRIBED = {
    "acr": "one sound at a time, in five grades (ITU-T P.800), as in the paper",
    "ab": "which of two sounds matches better",
    "abx": "which of two sounds a third one is: whether any difference can be heard",
    "ccr": "the second sound against the first, from -3 to 3 (ITU-T P.800)",
    "dcr": "how much worse than an open reference, in five grades (ITU-T P.800)",
    "mushra": "all sounds beside an open reference, from 0 to 100 (ITU-R BS.1534)",
    "numeric": "one sound at a time, a number between two ends",
    "several": "several questions about each sound",
    "text": "what people hear, in their own words",
}
"""The tests, by the names of the examples that show them."""

FIRST = "acr"  # that of the template itself
POINTS = {*PLANNED, "ccr"}  # the types whose differences are tested against a margin
MARGIN = re.compile(r"^  equivalence_margin: .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Choices:
    """What is chosen for a new study; None leaves it as the template or the clips' names have it.

    Parameters
    ----------
    test
        What is asked: a name of `DESCRIBED`.
    participants
        How many are wanted.
    baseline
        Of own clips, the condition that the others are compared with.
    missing
        Of own clips, whether conditions may lack those of some prompts.
    """

    test: str = FIRST
    participants: int | None = None
    baseline: str | None = None
    missing: bool = False


def template(test: str) -> str:
    """Return the commented study.yaml of a test, which names the schema that lies beside it."""
    return f"{before_test()}{from_test(test)}"


def before_test() -> str:
    """Return the part of a template above what is asked."""
    text = TEMPLATE.read_text(encoding="utf-8").replace("$schema=../", "$schema=")
    return text[: text.index("scale:\n")]


def from_test(test: str) -> str:
    """Return the part of a template from what is asked on, with the margin in points of that."""
    text = TEMPLATE.read_text(encoding="utf-8")
    if test == FIRST:
        return text[text.index("scale:\n") :]
    lines = (EXAMPLES / test / "study.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    begin = next(number for number, line in enumerate(lines) if line.startswith("scale"))
    end = next(number for number, line in enumerate(lines) if line.startswith(("translations:", "session:")))
    asked = f"{lines[1]}{''.join(lines[begin:end])}\n"  # the second line says what the example is
    return asked + MARGIN.sub(_margin(test), text[text.index("session:\n") :])


def with_participants(text: str, wanted: int | None) -> str:
    """Return a template for so many participants; None leaves it as it is."""
    return text if wanted is None else re.sub(r"target_participants: \d+", f"target_participants: {wanted}", text)


def _margin(test: str) -> str:
    """Write the usual margin of a test; nothing where its type has none."""
    from survey import load_config

    config = load_config(EXAMPLES / test / "study.yaml")
    first = config.asked.first
    if first.type not in POINTS:
        return ""
    low, high = first.span if first.low is not None else (min(first.kind.grades), max(first.kind.grades))
    whose = "of the first scale, " if config.asked.several else "on the scale "
    margin = f"equivalence_margin: {config.analysis.equivalence_margin:g}"
    return f"  {margin:<32} # points {whose}{low:g} to {high:g}; state it before the first rating\n"
