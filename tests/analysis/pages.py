"""Pages as a test reads them: their tags, what they load, their headings and words."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects the tags, the addresses they load, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.unscoped = 0
        self.uncaptioned = 0
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.headings += [int(tag[1])] if tag in ("h1", "h2", "h3", "h4", "h5", "h6") else []
        self.unscoped += tag == "th" and "scope" not in dict(attrs)
        self.uncaptioned += (tag == "table") - (tag == "caption")

    def handle_data(self, data: str) -> None:
        if self.get_starttag_text() != "<style>":
            self.words += data
