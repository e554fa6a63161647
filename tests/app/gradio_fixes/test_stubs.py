"""Nothing of Gradio's is read or written again for its type stubs when a server starts."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

IMPORT = """
import sys
seen = []
sys.addaudithook(lambda event, given: seen.append(str(given[0])) if event == "open" else None)
import {module}
print(sum(path.endswith(".pyi") for path in seen))
import inspect, gradio
print(inspect.getfile(gradio.Textbox).endswith("textbox.py"), callable(gradio.Textbox.submit))
"""


def imported(module: str) -> list[str]:
    code = IMPORT.format(module=module)
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()[-2:]


def test_no_stub_is_read_or_written() -> None:
    assert imported("app.server") == ["0", "True True"]


def test_gradio_still_writes_them_by_itself() -> None:
    """Once it does not, the file that undoes it goes."""
    stubs, rest = imported("gradio")
    assert int(stubs) > 50
    assert rest == "True True"
