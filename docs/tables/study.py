"""A study: its files, the columns of its records, the environment and the variants."""

import re
from dataclasses import fields
from inspect import getdoc

from app.folder import ENTRIES
from app.settings import VARIABLES
from app.verbs.study.status import Standing
from docs.tables.markdown import table
from quant.method.variants import VARIANTS, Variant
from survey.columns import Described, described


def files() -> str:
    """Write a table of what lies in a study's folder."""
    return table(("file", "holds"), [(f"`{entry.name}`", entry.meaning) for entry in ENTRIES])


def environment() -> str:
    """Write a table of the variables of the environment."""
    return table(("variable", "meaning"), [(f"`{one.name}`", one.meaning) for one in VARIABLES])


def columns(record: type) -> str:
    """Write a table of a record's columns, as the data dictionary describes them.

    Raises
    ------
    TypeError
        If one is not described.
    """
    rows = [
        (f"`{one.name}`", ", ".join(filter(None, (one.kind, one.column.unit))), _said(one)) for one in described(record)
    ]
    return table(("column", "type", "holds"), rows)


def _said(one: Described) -> str:
    return f"{one.column.meaning} ({one.allowed})" if one.column.values else one.column.meaning


def standing() -> str:
    """Write a table of the keys of `earmark status --json`, from the attributes that the docstring describes."""
    said = dict(re.findall(r"^(\w+)\n    (.+)$", (getdoc(Standing) or "").partition("----------\n")[2], re.M))
    return table(("key", "holds"), [(f"`{each.name}`", said[each.name]) for each in fields(Standing)])


def variants() -> str:
    """Write a table of the variants."""
    rows = [(f"`{one.name}`", _weights(one), _activations(one), _cache(one), _branch(one)) for one in VARIANTS.values()]
    return table(("name", "weights", "activations", "outputs taken again", "branch"), rows)


def _weights(variant: Variant) -> str:
    if variant.scheme is None:
        return "fp32"
    grid = (
        f"int{variant.weight_bits} in groups of 64 under int8"
        if variant.weight_bits == 4
        else f"int{variant.weight_bits}"
    )
    return f"{grid}, per output channel{' and group of timesteps' if variant.scheme == 'dynamic' else ''}"


def _activations(variant: Variant) -> str:
    if variant.scheme is None:
        return "fp32"
    return (
        f"int{variant.activation_bits}, {'one calibrated range' if variant.scheme == 'static' else 'a range per token'}"
    )


def _branch(variant: Variant) -> str:
    return f"rank {variant.rank}, fp16" if variant.rank else ""


def _cache(variant: Variant) -> str:
    return f"where they change by at most {100 * variant.cache:g} %" if variant.cache else ""
