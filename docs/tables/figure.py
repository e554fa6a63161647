"""The figure of the house: packages as boxes, rooms in them floor by floor, arrows from who takes to who gives.

An arrow that a chain of others implies is not drawn, and the arrows between two packages are one. Everything is a whole
number and sorted, so that the same house is the same file.
"""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import pairwise

import networkx as nx

from docs.tables import house

Graph = Mapping[str, set[str]]
"""From each name to those that it takes from."""

WIDTH, MARGIN, GAP = 1000, 20, 40
COLUMNS = (20, 320), (380, 280), (700, 280)  # where each begins, and its width
HEAD, FLOOR, ROOM = 44, 62, 30  # heights: a package's name, a floor, a room on it
LETTER = 7.2  # width of a letter of a room's name
PLACES = {"app": (0, 0, 3), "quant": (1, 0, 1), "analysis": (1, 1, 1), "db": (1, 2, 1), "survey": (2, 1, 2)}
"""Row, first column and number of columns of each package; quant reaches down to the lowest row."""
COLOURS = {"app": "#e8eef7", "quant": "#f7efe2", "analysis": "#e9f4ea", "db": "#f3ebf6", "survey": "#fbf6d9"}
STYLE = """
  text { font: 13px "DejaVu Sans", Verdana, sans-serif; fill: #222; text-anchor: middle }
  .name { font-weight: bold; font-size: 15px } .ground { font-size: 11px; fill: #555 }
  .room { fill: #fff; stroke: #667 } .package { stroke: #99a }
  .arrow { fill: none; stroke: #556; stroke-width: 1.3; marker-end: url(#tip) }
  .circle { stroke: #c22 } .between { stroke: #334; stroke-width: 3; fill: none; marker-end: url(#tip) }
"""


def folded(graph: Graph) -> nx.DiGraph:
    """Return the graph with each circle as one node, whose ``members`` are the names; a name alone is a node, too."""
    whole = nx.DiGraph([(name, to) for name in sorted(graph) for to in sorted(graph[name])])
    whole.add_nodes_from(sorted(graph))
    return nx.condensation(whole, sorted(map(sorted, nx.strongly_connected_components(whole))))


def drawn(graph: Graph) -> dict[str, set[str]]:
    """Leave out the arrows that a chain of others implies; those of a circle all stay."""
    plain = folded(graph)
    home = plain.graph["mapping"]
    kept = nx.transitive_reduction(plain)
    return {
        name: {to for to in targets if home[to] == home[name] or kept.has_edge(home[name], home[to])}
        for name, targets in graph.items()
    }


def floors(graph: Graph) -> list[list[str]]:
    """Return the names from the top floor down: each stands above all that it takes from, a circle on one floor."""
    plain = folded(graph)
    levels = nx.topological_generations(plain.reverse())
    return [sorted(name for node in level for name in plain.nodes[node]["members"]) for level in levels][::-1]


def _wide(name: str) -> int:
    return round(len(name) * LETTER) + 18


def placed(graph: Graph, left: int, top: int, width: int) -> tuple[dict[str, tuple[int, int]], list[list[str]]]:
    """Place the rooms of a package, and on every floor that an arrow passes a point for it.

    Returns the middle of each room and point, and the arrows as the names that they pass.
    """
    levels = [list(level) for level in floors(graph)]
    at = {name: number for number, level in enumerate(levels) for name in level}
    paths = []
    for name, targets in sorted(drawn(graph).items()):
        for to in sorted(targets):
            points = [f"{name}>{to}>{level}" for level in range(at[name] + 1, at[to])]
            for number, point in enumerate(points, at[name] + 1):
                levels[number].append(point)
            paths.append([name, *points, to])
    near: dict[str, list[str]] = {}
    for path in paths:
        for one, other in pairwise(path):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    spots: dict[str, tuple[int, int]] = {}
    for _ in range(8):  # each floor in the order of what its rooms are tied to, until that settles
        for number, level in enumerate(levels):
            level.sort(key=lambda name: (_middle(spots, near.get(name, [])), name))
            spans = [_wide(name.partition(".")[2]) if name in graph else 12 for name in level]
            free = (width - sum(spans)) / (len(level) + 1)
            x = left + free
            for name, span in zip(level, spans, strict=True):
                spots[name] = round(x + span / 2), top + number * FLOOR + ROOM // 2
                x += span + free
    return spots, paths


def _middle(spots: Mapping[str, tuple[int, int]], names: Iterable[str]) -> float:
    found = [spots[name][0] for name in names if name in spots]
    return sum(found) / len(found) if found else 0


def _curve(points: list[tuple[int, int]]) -> str:
    """Draw a line down from room to room; between two rooms of one floor it bows."""
    (x, y), (to_x, to_y) = points[0], points[-1]
    if y == to_y:
        side = ROOM // 2 if x < to_x else -ROOM // 2
        return f"M{x} {y + side} C{x} {y + 2 * side} {to_x} {to_y + 2 * side} {to_x} {to_y + side}"
    middle = [(px, py) for px, py in points[1:-1]]
    stops = [(x, y + ROOM // 2), *middle, (to_x, to_y - ROOM // 2 - 5)]
    path = f"M{stops[0][0]} {stops[0][1]}"
    for (a, b), (c, d) in pairwise(stops):
        path += f" C{a} {(b + d) // 2} {c} {(b + d) // 2} {c} {d}"
    return path


def _wrapped(names: list[str], width: int) -> list[str]:
    """Set names as lines of a width."""
    lines: list[str] = []
    for name in names:
        if lines and (len(lines[-1]) + len(name) + 2) * 6.2 < width - 24:
            lines[-1] += f" {name},"
        else:
            lines.append(f"{name},")
    return [line.removesuffix(",") if line == lines[-1] else line for line in lines]


def _inner(package: str) -> dict[str, set[str]]:
    """Return the rooms of a package and from which they take; a room within a room belongs to the outer one."""
    graph: dict[str, set[str]] = {
        room: set() for room in house.rooms() if room.startswith(f"{package}.") and room.count(".") == 1
    }
    for room, others in house.taken().items():
        outer, targets = _outer(room), {_outer(to) for to in others}
        if outer in graph:
            graph[outer] |= targets & graph.keys() - {outer}
    return graph


def _outer(room: str) -> str:
    return ".".join(room.split(".")[:2])


def _between() -> list[tuple[str, str]]:
    pairs = {(one.partition(".")[0], to.partition(".")[0]) for one, others in house.taken().items() for to in others}
    return sorted((one, to) for one, to in pairs if one != to)


def _span(first: int, count: int) -> tuple[int, int]:
    """Return where a package begins that fills ``count`` columns, and its width."""
    last = COLUMNS[first + count - 1]
    return COLUMNS[first][0], last[0] + last[1] - COLUMNS[first][0]


def svg() -> str:
    """Draw the house; the rooms and arrows stand in the file as text, too."""
    spans = {name: _span(first, count) for name, (_, first, count) in PLACES.items()}
    grounds = {}
    heights = {}
    for package in PLACES:
        names = [name.partition(".")[2] for name in house.ground(package) if not name.endswith("__main__")]
        grounds[package] = _wrapped(names, spans[package][1])
        heights[package] = HEAD + len(floors(_inner(package))) * FLOOR + 18 * len(grounds[package]) + 6
    rows = [max(heights[name] for name, (row, _, _) in PLACES.items() if row == number) for number in range(3)]
    rows[1] = max(heights["analysis"], heights["db"], heights["quant"] - GAP - rows[2])
    tops = [MARGIN, MARGIN + rows[0] + GAP, MARGIN + rows[0] + rows[1] + 2 * GAP]
    bottom = tops[2] + rows[2]
    boxes, parts = {}, []
    for package, (row, _, _) in PLACES.items():
        x, span = spans[package]
        high = (bottom if package == "quant" else tops[row] + rows[row]) - tops[row]
        boxes[package] = x, tops[row], span, high
        parts += _package(package, boxes[package], grounds[package])
    ways = [f'<path class="between" d="{_way(boxes[one], boxes[to])}"/>' for one, to in _between()]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + MARGIN}">',
        f"<title>The plan of the house</title>\n<desc>\n{escape(house.described())}\n</desc>",
        f"<style>{STYLE}</style>",
        '<marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" '
        'markerHeight="9" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#445"/></marker>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        *ways,
        *parts,
        "</svg>\n",
    ])  # fmt: skip


def _package(package: str, box: tuple[int, int, int, int], ground: list[str]) -> list[str]:
    x, y, span, high = box
    graph = _inner(package)
    parts = [
        f'<rect class="package" x="{x}" y="{y}" width="{span}" height="{high}" rx="8" fill="{COLOURS[package]}"/>',
        f'<text class="name" x="{x + span // 2}" y="{y + 25}">{package}/</text>',
    ]
    spots, paths = placed(graph, x, y + HEAD, span)
    home = folded(graph).graph["mapping"]
    for path in paths:
        kind = "arrow circle" if home[path[0]] == home[path[-1]] else "arrow"
        parts.append(f'<path class="{kind}" d="{_curve([spots[name] for name in path])}"/>')
    for name in graph:
        middle, line = spots[name]
        label = name.partition(".")[2]
        wide = _wide(label)
        corner = f'x="{middle - wide // 2}" y="{line - ROOM // 2}"'
        parts.append(f'<rect class="room" {corner} width="{wide}" height="{ROOM}" rx="4"/>')
        parts.append(f'<text x="{middle}" y="{line + 5}">{label}</text>')
    for number, text in enumerate(reversed(ground)):
        parts.append(f'<text class="ground" x="{x + span // 2}" y="{y + high - 12 - 18 * number}">{text}</text>')
    return parts


def _way(one: tuple[int, int, int, int], to: tuple[int, int, int, int]) -> str:
    """Draw the arrow from a package down to another; from app to survey it runs between two columns."""
    middle = (max(one[0], to[0]) + min(one[0] + one[2], to[0] + to[2])) // 2
    return f"M{middle} {one[1] + one[3]} L{middle} {to[1] - 6}"
