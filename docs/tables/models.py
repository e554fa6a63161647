"""Models: the kinds of folders that tests build, and what comes of each."""

import ast
from collections.abc import Iterator

from docs.tables.house import ROOT
from docs.tables.markdown import table
from quant.configuration.options import given
from quant.configuration.tables import ATTENTION, DIT, FEED_FORWARD, NORM

FOLDERS = "tests/quant/model_folders.py"
SECTIONS = {"": DIT, "attn_kwargs.": ATTENTION, "ff_kwargs.": FEED_FORWARD, "norm_kwargs.": NORM}


def tried() -> str:
    """Write a table of the kinds of folders: what is in one, whether it is computed, and the name of its test."""
    rows = [(kind, f"refused: {words}" if words else "computed", f"`{name}`") for name, kind, words in folders()]
    return table(("folder", "result", "test"), rows)


def folders() -> Iterator[tuple[str, str, str]]:
    """Yield name, kind and the words of the refusal, if it is one, of each folder that is listed; runs no test."""
    for node in ast.walk(ast.parse((ROOT / FOLDERS).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Folder":
            name, kind = (ast.literal_eval(given) for given in node.args[:2])
            said = [ast.literal_eval(word.value) for word in node.keywords if word.arg == "refused"]
            yield name, kind, "".join(said)


def options() -> str:
    """Write a table of the transformer's options: which values are computed, as the rules refuse one that is none."""
    rows = []
    for place, rules in SECTIONS.items():
        for name, rule in rules.items():
            if rule is not given:  # the library's own, which no configuration may set
                said = (rule(object()) or "").removeprefix("it must be ")
                rows.append((f"`{place}{name}`", said))
    return table(("option", "computed"), rows)
