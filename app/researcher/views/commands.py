"""Commands in what is said in plain text, where they stand between backticks, as HTML shows them."""

import re

from markupsafe import Markup, escape

COMMAND = re.compile("`([^`]+)`")
CODE = Markup("<code>{}</code>")


def with_commands(text: str) -> Markup:
    """Return a text as HTML, escaped, with what stands between backticks marked as code."""
    pieces = COMMAND.split(text)  # every second one stood between backticks
    return Markup("").join(CODE.format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces))
