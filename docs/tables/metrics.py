"""Metrics: what each needs, which way is better, its range, and the file whose docstring is its convention."""

import sys

from analysis.metrics.basis.metric import Metric
from analysis.metrics.registry import METRICS, OTHERS
from docs.tables.house import ROOT
from docs.tables.markdown import table

NEEDS = {
    "reference": "a reference set",
    "twin": "the full-precision twin",
    "text": "the prompt",
    "labels": "a class that the prompt names",
    "weights": "weights to download",
}


def metrics() -> str:
    """Write a table of the metrics in the order of their columns, those that are measured where they are named last."""
    rows = []
    for metric in (*METRICS, *OTHERS):
        low, high = ("" if bound is None else f"{round(bound, 2) + 0:g}" for bound in (metric.low, metric.high))
        needs = ", ".join(words for need, words in NEEDS.items() if need in metric.needs)
        when = "always" if metric in METRICS else "where named"
        rows.append(
            (f"`{metric.key}`", metric.name, when, metric.better, f"{low} … {high}".strip(), needs, _file(metric))
        )
    return table(("key", "name", "measured", "better", "range", "needs", "convention"), rows)


def _file(metric: Metric) -> str:
    """Link the file in which a metric stands."""
    for name, module in sys.modules.items():
        mine = name.startswith(("analysis.metrics.paired.", "analysis.metrics.unpaired."))
        if mine and any(value is metric for value in vars(module).values()):
            path = f"{name.replace('.', '/')}.py"
            assert (ROOT / path).is_file()
            return f"[{path.rpartition('/')[2]}](../{path})"
    raise LookupError(metric.key)
