"""A plan's page: power over raters and prompts as a map, in HTML, JSON and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.draw import figures
from analysis.plan.designs import Plan, decimals
from analysis.report.files import write_files
from analysis.report.page import fill

# Okabe and Ito's vermillion stands out from every colour of cividis, for every kind of colour vision.
MARK = "#d55e00"


def write_plan(
    made: Plan, out: Path, *, name: str = "Listening test", earmark: str | None = None, notes: Sequence[str] = ()
) -> PlanPaths:
    """Write plan.html, plan.json and figures/ into a folder, each file whole or not at all.

    The `notes` are what is to be known of the plan before it is used, in a sentence or two each.

    Raises
    ------
    ReportError
        If the folder cannot be written.

    Examples
    --------
    >>> from analysis.plan.designs import plan
    >>> from analysis.plan.power import Claim
    >>> made = plan(Claim(margin=0.5), raters=(20, 40), prompts=(20,), conditions=2)
    >>> write_plan(made, Path("plan")).html.name
    'plan.html'
    """
    drawn = power_figure(made)
    picture = figures.svg(drawn)
    files = {"figures/power.svg": picture, "figures/power.png": figures.png(drawn)}
    files["plan.json"] = (json.dumps(made.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    drawing = Markup(figures.inline_svg(picture, "power"))  # noqa: S704 - our own figure
    values = {"plan": made, "drawing": drawing, "name": name, "earmark": earmark, "power": decimals, "notes": notes}
    files["plan.html"] = fill("plan.html", **values).encode()
    write_files(out, files, "plan")
    return PlanPaths(out / "plan.html", out / "plan.json", (out / "figures/power.svg", out / "figures/power.png"))


def power_figure(made: Plan) -> Figure:
    """Draw power over raters and prompts as a map with its numbers; bold reaches what is wanted.

    Examples
    --------
    >>> from analysis.plan.designs import plan
    >>> from analysis.plan.power import Claim
    >>> made = plan(Claim(margin=0.5), raters=(20, 40), prompts=(20,), conditions=2)
    >>> axes = power_figure(made).axes[0]
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('raters', 'prompts')
    """
    counts, sets = (sorted({getattr(cell, kind) for cell in made.cells}) for kind in ("raters", "prompts"))
    with figures.styled():
        figure = Figure(figsize=(1.4 + 0.42 * len(counts), 1.5 + 0.3 * len(sets)), layout="constrained")
        axes = figure.subplots()
        values = {(cell.raters, cell.prompts): made.power_of(cell) for cell in made.cells}
        table = [[values[many, items] for many in counts] for items in sets]
        mesh = axes.pcolormesh(table, cmap="cividis", vmin=0, vmax=1, edgecolors=figures.PAPER, linewidth=0.6)
        for row, line in enumerate(table):
            for column, value in enumerate(line):
                reached = value >= made.wanted
                axes.text(column + 0.5, row + 0.5, decimals(value), ha="center", va="center", fontsize=7.5,
                          color="#000000" if value > 0.55 else "#fefefe", in_layout=False,
                          fontweight="bold" if reached else "normal")  # fmt: skip
        for cell, style in ((made.own, "--"), (made.cheapest, "-")):
            if cell:
                place = counts.index(cell.raters), sets.index(cell.prompts)
                axes.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=MARK, linewidth=2.6, linestyle=style,
                                         clip_on=False, zorder=5))  # fmt: skip
        axes.set_xticks([place + 0.5 for place in range(len(counts))], [str(many) for many in counts])
        axes.set_yticks([place + 0.5 for place in range(len(sets))], [str(items) for items in sets])
        axes.tick_params(length=0)
        axes.set_xlabel("raters")
        axes.set_ylabel("prompts")
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(mesh, ax=axes, fraction=0.04, pad=0.02)
        bar.set_label("power")
        bar.outline.set_visible(False)
        if bar.solids is not None:
            bar.solids.set(rasterized=False, edgecolor="face")
        return figures.settled(figure)


@dataclass(frozen=True)
class PlanPaths:
    """Where the plan was written."""

    html: Path
    json: Path
    figures: tuple[Path, ...]
