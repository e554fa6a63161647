"""How a benchmark tells its figures: a table on the terminal and, if asked, a JSON file."""

import argparse
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "scipy", "gradio", "sqlalchemy")


def hardware() -> str:
    """Name the processor, how many cores this process may use, and the memory."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {cores} cores, {memory:.0f} GiB"


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Name the versions of Python and of the packages that matter for speed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def processor_time() -> tuple[float, float]:
    """Time of all cores since the machine started, and how much of it the host gave to other machines."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0, 0.0
    ticks = [float(field) for field in stat.read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[7]


BEGAN = processor_time()


def stolen() -> float:
    """Share of the processors' time that the host gave to other machines since the start: figures are good near 0."""
    spent, taken = (now - then for now, then in zip(processor_time(), BEGAN, strict=True))
    return taken / spent if spent else 0.0


def options(description: str | None, parts: Iterable[str] = ()) -> argparse.Namespace:
    """Parse what every benchmark takes, and for one with parts the one that is wanted."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    if parts:
        parser.add_argument("--only", choices=list(parts))
    return parser.parse_args()


def publish(
    figures: Mapping[str, float],
    notes: Mapping[str, str],
    target: Path | None,
    reasons: Mapping[str, str] | None = None,
    parts: Iterable[str] = (),
    packages: Iterable[str] = PACKAGES,
) -> None:
    """Print the figures with a note on each, and write them to ``target``.

    ``reasons``: why a figure is not there, by its name. With ``parts``, what was measured replaces the same in
    ``target``, and what stands there of other parts stays, each part with its own machine and moment.
    """
    reasons, known = reasons or {}, versions(packages)
    print(f"{hardware()}; " + ", ".join(f"{name} {version}" for name, version in known.items()))
    print(f"{stolen():.0%} of the processors' time went to other machines")
    for name, value in figures.items():
        print(f"{name:>16}  {value:10.2f}  {notes.get(name, '')}")
    for name, reason in reasons.items():
        print(f"{name:>16}  {'none':>10}  {notes.get(name, '')}: {reason}")
    if not target:
        return
    facts: dict[str, Any] = {"hardware": hardware(), "versions": known, "stolen": stolen()}
    measured = {**figures, **dict.fromkeys(reasons)}
    before: dict[str, Any] = json.loads(target.read_text(encoding="utf-8")) if parts and target.exists() else {}
    kept_reasons = {name: why for name, why in before.get("reasons", {}).items() if name not in figures}
    told: dict[str, Any] = {"figures": {**before.get("figures", {}), **measured}, **facts}
    if parts:
        moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        told["reasons"] = {**kept_reasons, **reasons}
        told["parts"] = {**before.get("parts", {}), **{part: {**facts, "measured": moment} for part in parts}}
    target.write_text(json.dumps(told, indent=2), encoding="utf-8")
