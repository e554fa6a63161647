"""The page's files belong together."""

import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest
from served import ROOT

from app.participant.page import modules
from app.texts import preferred, texts
from survey import QUESTION_TYPES
from survey.config.items import DEMOGRAPHICS, ELIGIBILITY
from survey.config.session import LANGUAGES

STATIC = ROOT / "app" / "static"
PAGE = STATIC / "participant"
SCRIPT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PAGE.rglob("*.js")))


def test_every_text_that_the_page_asks_for_is_there_and_used():
    texts = json.loads((STATIC / "texts" / "en.json").read_text(encoding="utf-8"))
    quoted = set(re.findall(r'"([a-z_0-9]+)"', SCRIPT)) | set(re.findall(r"TEXT\.([a-z_0-9]+)", SCRIPT))
    asked = (*ELIGIBILITY, *DEMOGRAPHICS.values())
    grades, types = QUESTION_TYPES["acr"].grades, [kind for kind in QUESTION_TYPES.values() if kind.name != "acr"]
    families = {kind.family for kind in types} - {""}
    computed = {
        *(f"closed_{reason}" for reason in ("not_ready", "full", "busy", "link", "platform", "over", "paused")),
        *(f"grade_{score}" for score in grades),
        *(f"headphones_text_{kind}" for kind in ("antiphase", "huggins")),
        *(f"ask_{item.name}" for item in asked),
        *(f"answer_{option}" for item in asked for option in item.options),
        *("do_count", "do_listen"),
        *(f"{kind.name}_{grade}" for kind in types for grade in kind.grades),
        "ab_both_bad",
        *(f"{key}_{kind.name}" for kind in types for key in ("question", "how_3")),
        *(f"how_2_{end}" for end in families),
        *(f"{kind}_{part}" for kind in ("done", "screened", "lapsed") for part in ("title", "text")),
        *(f"number_{ends}" for ends in ("range", "low", "high", "any")),
        *("plays_few", "plays_many"),
    }
    # Words that a type may have of its own, or else those of its family, or of all types.
    own = {f"{key}_{end}" for key in quoted for end in (*QUESTION_TYPES, *families, "several")} & set(texts)
    server = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "app").rglob("*.py")))
    told = set(
        re.findall(
            r'(?:Refused\(\d+, |told\(request, \d+, |_page\(study, request, |(?:texts\(language\)|say)\[)["\'](\w+)',
            server,
        )
    )
    assert computed | told | set(re.findall(r'say\("([a-z_0-9]+)"', SCRIPT)) <= set(texts)
    known = quoted | computed | own | told | {"title", "name", "consent_text"}
    assert set(texts) - known == set(), "texts that nothing shows"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_missing_in_any_language(language):
    english, found = texts("en"), texts(language)
    assert list(found) == list(english)
    for key, text in found.items():
        assert text.strip(), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key
        assert text.count("\n") == english[key].count("\n"), key
    assert (found["direction"] == "rtl") == (language == "ar")
    grades = [found[f"grade_{score}"] for score in range(1, 6)]
    assert len(set(grades)) == 5
    if language != "en":
        alike = ("direction", "answer_no", "mushra_4")  # excellent in French too
        same = [key for key in english if found[key] == english[key] and key not in alike]
        assert len(same) <= 2, same


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fi,fr;q=0.5,en;q=0.4", "fr"),
        ("en;q=0.1,es;q=0.9", "es"),
        ("zh-Hant-TW", "zh"),
        ("pt-BR, en;q=0.5", "pt"),
        ("de;q=0.2, de;q=0.9, fr;q=0.5", "de"),
        ("AR", "ar"),
        ("fi", "en"),
        ("", "en"),
        ("de;q=x, ;;,", "de"),
        ("de; q=0.8", "de"),
        ("en; q=0.5, de; q=0.8", "de"),
        ("en ;q=0.5 ,\tfr\t; Q=0.8", "fr"),
        ("en;q=0.5,de;level=1;q=0.9", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("de;q=0.000", "en"),
        ("de-AT;q=0, de;q=0.5", "de"),
        ("de;q=0.2, de-AT;q=0.9, fr;q=0.5", "de"),
        ("*", "en"),
        ("*;q=0.5, fr;q=0.8", "fr"),
        ("fi, *;q=0.5", "en"),
        ("fr;q=0.3, *;q=0.8", "en"),
        ("en;q=0, *;q=0.5", "de"),
        ("en;q=0", "en"),
        ("fr;q=0.8, es;q=0.8", "fr"),
        ("de;q=1.5, fr;q=0.9", "de"),
        ("de;q=-1, fr;q=0.9", "de"),
        ("ja" * 5000 + ", pl", "pl"),
    ],
)
def test_the_browsers_languages_choose_the_words(accepted, language):
    assert preferred(accepted) == language


def test_every_part_that_the_script_names_is_in_the_page():
    page = (PAGE / "card.html").read_text(encoding="utf-8")
    for part in re.findall(r'\$\("(\w+)"\)', SCRIPT):
        assert f'data-part="{part}"' in page
    for action in re.findall(r'act\("(\w+)"\)', SCRIPT):
        assert f'data-action="{action}"' in page


def test_modules_import_by_relative_paths_and_in_no_circle():
    imports = {}
    written = {path for path in PAGE.rglob("*.js") if path.name != "loader.js"}
    for path in written:
        found = re.findall(r'\bfrom "([^"]*)"|\bimport "([^"]*)"', path.read_text(encoding="utf-8"))
        specifiers = [one or other for one, other in found]
        assert all(specifier.startswith(("./", "../")) for specifier in specifiers), path
        imports[path] = {(path.parent / specifier).resolve() for specifier in specifiers}
        assert imports[path] <= written, path
    TopologicalSorter(imports).prepare()  # raises for a circle


def test_the_page_holds_every_module_after_those_it_imports():
    seen = set()
    for module in modules():
        assert set(module["imports"].values()) <= seen
        assert module["text"] == (PAGE / module["path"]).read_text(encoding="utf-8")
        seen.add(module["path"])
    assert seen | {"loader.js"} == {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.js")}
    assert module["path"] == "main.js", "the loader starts the last one"


def test_gradio_leaves_the_templates_as_they_are():
    """Both are evaluated as template literals in the browser."""
    for name in ("card.html", "card.css"):
        assert not re.search(r"[`\\]|\$\{|\{\{", (PAGE / name).read_text(encoding="utf-8"))


def test_the_server_leaves_torch_alone():
    code = "import sys, app.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_study_is_opened_without_what_measures_sounds():
    code = "import sys, app.study; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
