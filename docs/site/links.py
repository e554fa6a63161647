"""What mkdocs asks while it builds the site: pages that lie beside docs/, and links to what is no page.

README.md is the site's first page. A link to a page leads to it; one to code, which the site has not, is left as its
words.
"""

import re
from pathlib import Path
from posixpath import join, normpath, relpath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
BESIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "quant/mini/CARD.md": "card.md",
}
PLACES = {page: path for path, page in BESIDE.items()}  # where a page of the site lies in the repository
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie beside docs/."""
    for path, page in BESIDE.items():
        text = (ROOT / path).read_text(encoding="utf-8").replace("](docs/pictures/", "](pictures/")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead each link, which is right in the repository, to its page of the site."""
    here = page.file.src_uri
    path = PLACES.get(here, f"docs/{here}")

    def led(link: re.Match[str]) -> str:
        words, target, place = link[1], normpath(join(path, "..", link[2])), link[3] or ""
        found = BESIDE.get(target, target.removeprefix("docs/"))
        if files.get_file_from_path(found) is None:
            return words
        return f"[{words}]({relpath(found, join(here, '..'))}{place})"

    return LINK.sub(led, markdown)
