"""Options: every one of the pinned stable-audio-tools, and which of their values Earmark computes.

A rule answers None where a value will do, else what it must be or why it cannot be computed. A configuration's options
that have no rule are refused: the library would overlook them or fail on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from quant.errors import ModelError

LIBRARY = "stable-audio-tools 0.0.19"
"""What builds the models; the tables below are of this release, which a test holds them to."""

Rule = Callable[[Any], str | None]

STABLE_AUDIO_3 = (
    f"is of Stable Audio 3, which {LIBRARY} cannot build; take stable-audio-open-1.0, stable-audio-open-small "
    "or a model trained from them"
)
NEWER = frozenset(
    {
        "local_add_cond_ids",
        "local_add_cond_dim",
        "modular_local_cond_configs",
        "mask_padding_attention",
        "sampling_distribution_shift_options",
        "use_effective_length_for_schedule",
    }
)
"""Options of later releases, which Stable Audio 3 needs."""


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def whole(least: int = 1, most: int | None = None) -> Rule:
    """Make a rule for a whole number from ``least`` on, or to ``most``.

    Examples
    --------
    >>> whole()(0), whole(1, 1000)(10**9), whole()(2)
    ('it must be a whole number from 1 on', 'it must be a whole number from 1 to 1000', None)
    """
    end = "on" if most is None else f"to {most}"

    def rule(value: Any) -> str | None:
        good = _is_whole(value) and value >= least and (most is None or value <= most)
        return None if good else f"it must be a whole number from {least} {end}"

    return rule


def number(value: Any) -> str | None:
    """Rule for a number.

    Examples
    --------
    >>> number("wide"), number(0.5)
    ('it must be a number', None)
    """
    return None if _is_whole(value) or (isinstance(value, float) and math.isfinite(value)) else "it must be a number"


def positive(value: Any) -> str | None:
    """Rule for a number above 0.

    Examples
    --------
    >>> positive(0.0), positive(1)
    ('it must be a number above 0', None)
    """
    return None if number(value) is None and value > 0 else "it must be a number above 0"


def odd(value: Any) -> str | None:
    """Rule for the width of a convolution that keeps the length.

    Examples
    --------
    >>> odd(4), odd(3)
    ('it must be odd: a convolution of even width changes the length', None)
    """
    if _is_whole(value) and value > 0 and value % 2:
        return None
    return "it must be odd: a convolution of even width changes the length"


def switch(value: Any) -> str | None:
    """Rule for true or false.

    Examples
    --------
    >>> switch(1), switch(True)
    ('it must be true or false', None)
    """
    return None if isinstance(value, bool) else "it must be true or false"


def text(value: Any) -> str | None:
    """Rule for a name.

    Examples
    --------
    >>> text(""), text("prompt")
    ('it must be a name', None)
    """
    return None if isinstance(value, str) and value and value.isprintable() else "it must be a name"


def section(value: Any) -> str | None:
    """Rule for an object of further options.

    Examples
    --------
    >>> section(None), section({})
    ('it must be an object of options', None)
    """
    return None if isinstance(value, dict) else "it must be an object of options"


def names(value: Any) -> str | None:
    """Rule for a list of names.

    Examples
    --------
    >>> names("prompt"), names(["prompt"])
    ('it must be a list of names', None)
    """
    good = isinstance(value, list) and all(isinstance(name, str) and name.isprintable() for name in value)
    return None if good else "it must be a list of names"


def renames(value: Any) -> str | None:
    """Rule for names by names.

    Examples
    --------
    >>> renames({"caption": 1}), renames({"caption": "prompt"})
    ('it must be an object of names', None)
    """
    good = isinstance(value, dict) and all(isinstance(name, str) for name in value.values())
    return None if good else "it must be an object of names"


def counts(value: Any) -> str | None:
    """Rule for a list of whole numbers from 1 on.

    Examples
    --------
    >>> counts([]), counts([4, 8])
    ('it must be a list of whole numbers from 1 on', None)
    """
    good = isinstance(value, list) and value and all(_is_whole(item) and item > 0 for item in value)
    return None if good else "it must be a list of whole numbers from 1 on"


def window(value: Any) -> str | None:
    """Rule for a sliding window: how many tokens to the left and to the right are seen, -1 for all.

    Examples
    --------
    >>> window(64), window([64, -1])
    ('it must be two whole numbers, left and right, -1 for all', None)
    """
    good = isinstance(value, list) and len(value) == 2 and all(_is_whole(side) and side >= -1 for side in value)
    return None if good else "it must be two whole numbers, left and right, -1 for all"


def one_of(*allowed: str) -> Rule:
    """Make a rule for a choice.

    Examples
    --------
    >>> one_of("v", "rectified_flow")("w")
    'it must be v or rectified_flow'
    """
    return lambda value: None if value in allowed else f"it must be {' or '.join(allowed)}"


def only(allowed: Any, because: str) -> Rule:
    """Make a rule for an option of which only one value is computed.

    Examples
    --------
    >>> only(1, "it resamples")(2), only(None, "it is added")(2)
    ('only 1 is computed: it resamples', 'only null is computed: it is added')
    """
    shown = "null" if allowed is None else repr(allowed)
    return lambda value: None if value == allowed else f"only {shown} is computed: {because}"


def or_null(rule: Rule) -> Rule:
    """Make a rule that also takes null.

    Examples
    --------
    >>> or_null(window)(None) is None
    True
    """
    return lambda value: None if value is None else rule(value)


def given(value: Any) -> str | None:
    """Rule for what the library sets itself, so that a configuration cannot.

    Examples
    --------
    >>> given(64)
    'the library sets it itself; remove it'
    """
    return "the library sets it itself; remove it"


def examine(name: str, found: Any, rules: Mapping[str, Rule], place: str, required: tuple[str, ...] = ()) -> None:
    """Hold the object ``found`` at ``place`` of a configuration to ``rules``.

    Raises
    ------
    ModelError
        With the first option that is unknown, lacking, or of a value that is not computed.

    Examples
    --------
    >>> try:
    ...     examine("mine", {"depth": 0}, {"depth": whole()}, "model.diffusion.config")
    ... except ModelError as error:
    ...     print(error)
    mine: model_config.json: model.diffusion.config.depth is 0; it must be a whole number from 1 on
    """
    if section(found):
        refuse(name, place, found, "it must be an object of options")
    for key in required:
        if key not in found:
            raise ModelError(f"{name}: model_config.json: {place} lacks {key}; add it")
    for key, value in found.items():
        if not key.isprintable() or len(key) > 100:
            raise ModelError(f"{name}: model_config.json: {place} has {key[:40]!r}, which is no name; remove it")
        if key in NEWER:
            raise ModelError(f"{name}: model_config.json: {place}.{key} {STABLE_AUDIO_3}")
        if key not in rules:
            raise ModelError(f"{name}: model_config.json: {place}.{key} is no option of {LIBRARY}; remove it")
        complaint = rules[key](value)
        if complaint:
            refuse(name, f"{place}.{key}", value, complaint)


def refuse(name: str, place: str, value: Any, complaint: str) -> NoReturn:
    """Raise the one line for a value at a place of a configuration.

    Raises
    ------
    ModelError
        Always.

    Examples
    --------
    >>> try:
    ...     refuse("mine", "sample_rate", "fast", "it must be a whole number from 1 on")
    ... except ModelError as error:
    ...     print(error)
    mine: model_config.json: sample_rate is 'fast'; it must be a whole number from 1 on
    """
    raise ModelError(f"{name}: model_config.json: {place} is {_short(repr(value), 60)}; {_short(complaint, 300)}")


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[:most]}..."
