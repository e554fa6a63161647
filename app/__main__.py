"""``python -m app``, which the launcher calls, and the command ``earmark`` of an installed package.

What the package cannot declare, as it is to be installed without what it asks for, the command installs when it first
runs. Nothing of ours is imported before, since that needs it all.
"""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version

EXTRA = "without-dependencies"  # the packages, as setup.py writes them into the metadata
QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
ASKING = {"-h", "--help", "--version"}


def start() -> int:
    """Run a command, after installing what is missing of what an installed package cannot declare."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    missing = [] if not sys.argv[1:] or ASKING & set(sys.argv) else undeclared()
    if missing:
        sys.stderr.write(f"earmark: installing {', '.join(missing)} (once, some MB)\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            *missing,
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            why = (ended.stderr.strip().splitlines() or ["pip says nothing"])[-1][:200]
            sys.stderr.write(f"earmark: could not install them ({why}); check the network, then run this again\n")
            return 2
    from app.cli import main

    return main()


def undeclared() -> list[str]:
    """Return what is to be installed without what it asks for, and is not there in that version."""
    asked = [one.partition(";")[0].strip() for one in requires("earmark") or [] if EXTRA in one]
    return [one for one in asked if not _there(*one.split("=="))]


def _there(name: str, wanted: str) -> bool:
    try:
        return version(name) == wanted
    except PackageNotFoundError:
        return False


if __name__ == "__main__":
    from app.cli import main

    sys.exit(main())
