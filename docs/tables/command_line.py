"""The command line: verbs, their options and the benchmarks, from the parser and the docstrings."""

import argparse
import ast

from app.cli import parser
from app.verbs.bench import scripts
from docs.tables.markdown import table

WIDTH = 118


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb."""
    (of_verbs,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(of_verbs.choices)


def verb_list() -> str:
    """Write a table of the verbs."""
    rows = [(f"[`{name}`](#earmark-{name})", (made.description or "").rstrip(".")) for name, made in verbs().items()]
    return table(("verb", "what it does"), rows)


def usage(verb: str) -> str:
    """Write how a verb is called, as a block of code: as the parser says, else in the order of its options."""
    made = verbs()[verb]
    if made.usage:
        return "\n".join(f"    {line.strip()}" for line in made.usage.splitlines())
    lines = [f"    earmark {verb}"]
    for action in (*_positional(made), *_options(made)):
        word = _name(action) if not action.option_strings and action.nargs != "?" else f"[{_name(action)}]"
        if len(lines[-1]) + len(word) >= WIDTH:
            lines.append(" " * len(f"    earmark {verb}"))
        lines[-1] += f" {word}"
    return "\n".join(lines)


def options(verb: str) -> str:
    """Write a table of what a verb takes."""
    made = verbs()[verb]
    rows = [(_all_names(action), _help(action)) for action in (*_positional(made), *_options(made))]
    return table(("option", "meaning"), rows)


def verb(name: str) -> str:
    """Write how a verb is called and what it takes."""
    return f"{usage(name)}\n\n{options(name)}" if _options(verbs()[name]) else usage(name)


def benchmarks() -> str:
    """Write a table of the benchmarks: the first paragraph of each one's docstring."""
    rows = []
    for path in scripts():
        said = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0].split())
        rows.append((f"`{path.stem}`", said.replace("``", "`").rstrip(".")))
    return table(("NAME", "measures"), rows)


def _positional(made: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in made._actions if not action.option_strings]


def _options(made: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in made._actions if action.option_strings and action.dest != "help"]


def _value(action: argparse.Action) -> str:
    """Write what follows an option: its choices, or the name of what is asked for."""
    if action.nargs == 0:
        return ""
    name = "|".join(map(str, action.choices)) if action.choices else str(action.metavar or action.dest.upper())
    return {"?": f"[{name}]", "+": f"{name} ..."}.get(str(action.nargs), name)


def _name(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest.upper())
    return f"{action.option_strings[0]} {_value(action)}".strip()


def _all_names(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{_name(action)}`"
    *short, last = action.option_strings
    return ", ".join([*(f"`{name}`" for name in short), f"`{f'{last} {_value(action)}'.strip()}`"])


def _help(action: argparse.Action) -> str:
    assert action.help, f"{action.dest}: the option says nothing of itself; give it a help text"
    return action.help % {"default": action.default}
