"""The house: imports go one way, the server does without torch, nothing is made at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("quant", "survey", "db", "app", "analysis")
MAY_IMPORT = {
    "app": {"quant", "survey", "db", "analysis"},
    "db": {"survey"},
    "analysis": {"survey.records"},
    "quant": set(),
    "survey": set(),
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package):
    assert modules(package)
    for path in modules(package):
        for name in imports_of(path):
            home = name.split(".")[0]
            if home not in PACKAGES or home == package:
                continue
            allowed = any(name == entry or name.startswith(f"{entry}.") for entry in MAY_IMPORT[package])
            assert allowed, f"{path.relative_to(ROOT)} imports {name}"


HEARING = ROOT / "analysis" / "metrics" / "networks"
BANDS = ROOT / "analysis" / "metrics" / "basis" / "spectra.py"  # transformers' mel filters, which need no torch


@pytest.mark.parametrize("package", PACKAGES)
def test_only_quant_and_the_networks_of_metrics_import_torch(package):
    if package == "quant":
        return
    for path in modules(package):
        if HEARING not in path.parents and path != BANDS:
            assert not {n for n in imports_of(path) if n.split(".")[0] in ("torch", "transformers")}, path


def test_the_metrics_are_listed_without_torch():
    assert "torch" not in loaded_by("import analysis.metrics.measuring, analysis.metrics.registry")


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_server_does_without_torch():
    assert "torch" not in loaded_by("import app.server")


def test_the_command_line_starts_light():
    heavy = {"torch", "gradio", "pandas", "matplotlib", "transformers"}
    assert not heavy & loaded_by("import app.cli; app.cli.parser()")


def test_a_model_is_loaded_without_the_compiler():
    """Which takes seconds to import, and serves GPUs; what is compiled later finds it."""
    load = "from quant.model.loading import load_model\nload_model('mini')"
    assert "torch._dynamo" not in loaded_by(load)
    assert "torch._dynamo" in loaded_by(f"{load}\nfrom quant.kernels.compiled import compiled\ncompiled(len)")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_no_library(option):
    heavy = {"alembic", "fastapi", "gradio", "matplotlib", "numpy", "pandas", "pydantic", "pyloudnorm", "scipy"}
    heavy |= {"soundfile", "sqlalchemy", "torch", "transformers", "yaml"}
    loaded = loaded_by(
        f"import contextlib, app.cli\nwith contextlib.suppress(SystemExit): app.cli.main(['{option}'])\n"
    )
    assert not heavy & loaded
    assert "app.verbs.clips.generate" in loaded


def test_nothing_is_made_at_import(tmp_path):
    code = "import app.server, app.cli, db, survey, analysis, quant"
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    left = [path for path in tmp_path.iterdir() if path.name not in (".cache", ".config")]
    assert left == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tree_of_errors_is_in_the_docstring(package):
    tree = ast.parse((ROOT / package / "errors.py").read_text(encoding="utf-8"))
    text = ast.get_docstring(tree) or ""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            assert node.name in text, f"{package}/errors.py does not describe {node.name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_files_stay_readable(package):
    for path in modules(package):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 420, path
