"""The house as its imports have it: packages, the rooms in them, and which room takes from which."""

import ast
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs.tables import markdown

ROOT = Path(__file__).parents[2]
PACKAGES = ("analysis", "app", "db", "quant", "survey")


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files of the repository, those that are not committed yet among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(Path(name) for name in listed.splitlines() if (ROOT / name).exists())


@cache
def modules() -> dict[str, Path]:
    """Return the modules of the packages by their dotted name."""
    found = [path for path in tracked() if path.suffix == ".py" and path.parts[0] in PACKAGES]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in found}


@cache
def parsed(name: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse((ROOT / modules()[name]).read_text(encoding="utf-8"))


def is_face(name: str) -> bool:
    """Say whether a module is the face of a package or of a room."""
    return modules()[name].name == "__init__.py"


def rooms() -> list[str]:
    """Return the sub-packages, those of the migrations left out: Alembic loads them by their place."""
    return [name for name in modules() if is_face(name) and name not in PACKAGES and "migrations" not in name]


def room_of(name: str) -> str:
    """Return the sub-package of a module; one that stands on a package's ground is a room of its own."""
    return name if is_face(name) or name.count(".") < 2 else name.rpartition(".")[0]


def imported(name: str) -> Iterator[str]:
    """Yield the modules of the packages that a module imports, at its top or within a function."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                full = f"{node.module}.{each.name}"
                found = full if full in modules() else node.module
                if found in modules():
                    yield found


@cache
def arrows() -> dict[str, set[str]]:
    """Return which modules each module imports, faces left out: they only name others."""
    return {name: {to for to in imported(name) if to != name} for name in modules() if not is_face(name)}


def said(name: str) -> str:
    """Return the first paragraph of a module's docstring in one line, without the name that it begins with."""
    text = " ".join((ast.get_docstring(parsed(name)) or "").split("\n\n")[0].split())
    head, colon, rest = text.partition(": ")
    own = name.rpartition(".")[2].replace("_", " ")
    if colon and head.lower() == own:
        text = rest
    return text if "." in text.split()[0] else text[:1].upper() + text[1:]


def ground(package: str) -> list[str]:
    """Return the modules that stand in a package and in none of its rooms."""
    return [
        name
        for name in sorted(modules())
        if name.count(".") == 1 and name.startswith(f"{package}.") and not is_face(name)
    ]


def taken() -> dict[str, set[str]]:
    """Return from which rooms each room takes; the ground of a package goes by the package's name."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, targets in arrows().items():
        found[_room(name)] |= {_room(to) for to in targets} - {_room(name)}
    return dict(sorted(found.items()))


def _room(name: str) -> str:
    return name if is_face(name) else name.rpartition(".")[0]


def described() -> str:
    """Write the house as text: a line a room, and from which others it takes."""
    return "\n".join(f"{room}: {', '.join(sorted(others)) or 'nothing'}" for room, others in taken().items())


def table() -> str:
    """Write a table for each package: its rooms, what lives there, and from which rooms and packages they take."""
    parts = []
    for package in PACKAGES:
        here = [name for name in rooms() if name.startswith(f"{package}.")]
        rows = [(f"`{_within(room)}/`", said(room).replace("``", "`"), _sources(room)) for room in here]
        names = ", ".join(f"`{_within(name)}`" for name in ground(package) if not name.endswith("__main__"))
        rows.append(("on the ground", names, _sources(package)))
        parts += [f"### `{package}/`", said(package), markdown.table(("room", "what lives there", "takes from"), rows)]
    return "\n\n".join(parts)


def _sources(room: str) -> str:
    package = room.partition(".")[0]
    sources = taken().get(room, set())
    within = [_within(source) for source in sorted(sources) if source.startswith(f"{package}.")]
    beyond = sorted({f"{source.partition('.')[0]}/" for source in sources} - {f"{package}/"})
    return ", ".join(["the ground"] * (package in sources) + [f"`{name}`" for name in (*within, *beyond)])


def _within(room: str) -> str:
    return room.partition(".")[2].replace(".", "/")
