"""The page's files belong together."""

import json
import re
import subprocess
import sys

from served import ROOT

STATIC = ROOT / "app" / "static"


def test_every_text_that_the_page_asks_for_is_there_and_used():
    script = (STATIC / "card.js").read_text(encoding="utf-8")
    texts = json.loads((STATIC / "texts.en.json").read_text(encoding="utf-8"))
    quoted = set(re.findall(r'"([a-z_0-9]+)"', script))
    computed = {f"closed_{reason}" for reason in ("not_ready", "full", "link")}
    assert set(re.findall(r'say\("([a-z_0-9]+)"', script)) <= set(texts)
    assert set(texts) - quoted - computed - {"title"} == set(), "texts that nothing shows"


def test_every_part_that_the_script_names_is_in_the_page():
    script = (STATIC / "card.js").read_text(encoding="utf-8")
    page = (STATIC / "card.html").read_text(encoding="utf-8")
    for part in re.findall(r'\$\("(\w+)"\)', script):
        assert f'data-part="{part}"' in page
    for action in re.findall(r'act\("(\w+)"\)', script):
        assert f'data-action="{action}"' in page


def test_gradio_leaves_the_templates_as_they_are():
    """Both are evaluated as template literals in the browser."""
    for name in ("card.html", "card.css"):
        assert not re.search(r"[`\\]|\$\{|\{\{", (STATIC / name).read_text(encoding="utf-8"))


def test_the_server_leaves_torch_alone():
    code = "import sys, app.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
