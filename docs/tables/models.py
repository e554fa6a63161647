"""Models: the kinds of folders that tests build, and what comes of each."""

import ast
from collections.abc import Iterator

from docs.tables.house import ROOT
from docs.tables.markdown import table

FOLDERS = "tests/quant/model_folders.py"


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
