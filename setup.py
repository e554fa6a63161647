"""The wheel: the packages with all files in them, the examples, and what they ask for, from requirements*.txt."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

OURS = ("analysis", "app", "db", "quant", "survey")


def asked(name: str) -> list[str]:
    """Return the requirements of a file without their reasons."""
    lines = (line.partition("#")[0].strip() for line in Path(name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


setup(
    packages=[
        *find_namespace_packages(include=[pattern for name in OURS for pattern in (name, f"{name}.*")]),
        *(f"app.{name}" for name in find_namespace_packages(include=["examples", "examples.*"])),
    ],
    package_dir={"app.examples": "examples"},
    package_data={"": ["*"]},
    py_modules=["atomic"],
    install_requires=asked("requirements.txt"),
    # Installed without what these ask for themselves, which metadata cannot say: the first start does it.
    extras_require={"without-dependencies": asked("requirements-nodeps.txt")},
)
