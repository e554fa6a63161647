"""Write the tables into the pages, the figure and the schema: ``python -m docs.tables``."""

from docs.tables.house import ROOT
from docs.tables.pages import made

for name, text in made().items():
    path = ROOT / name
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
