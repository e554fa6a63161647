"""The verb demo: all of the way at once, with the embedded model."""

import argparse
import importlib
import subprocess
import sys
import threading
from pathlib import Path

from app.errors import UsageError
from app.folder import DEMO, DEMO_CLIPS, DEMO_STUDY, create_study, read_study
from app.verbs.options import address, beyond_training, device
from app.verbs.study.serve import listen, run_server


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    address(made)
    device(made)
    beyond_training(made)
    made.add_argument(
        "--clips",
        type=Path,
        metavar="SOURCE",
        help="a study of your own clips instead, without a model: a folder of condition/prompt.wav, or a table "
        "(CSV, XLSX, ODS) with the columns file, condition and prompt",
    )
    made.add_argument("--no-browser", action="store_true", help="do not open a browser")


def run(arguments: argparse.Namespace) -> None:
    """Make the demo study with the embedded model, or one of your own clips; open its survey in a browser."""
    listener = listen(arguments.host, arguments.port)
    folder = _embedded(arguments) if arguments.clips is None else own_demo(arguments.clips)
    run_server(folder, listener, browser=not arguments.no_browser)


def own_demo(source: Path) -> Path:
    """Make the demo study of somebody's own clips, or bring it up to date; return its folder.

    Raises
    ------
    UsageError
        If there is one of other clips.
    """
    from app.verbs.clips.check import pass_gate
    from app.verbs.clips.own import import_study
    from app.verbs.study.own import create_own_study
    from survey.sources.listing import find_source

    path = DEMO_CLIPS / "study.yaml"
    if not path.is_file():
        create_own_study(DEMO_CLIPS, source)
        text = path.read_text(encoding="utf-8")  # a demo is tried with loudspeakers too
        path.write_text(text.replace("headphone_check: antiphase", "headphone_check: none     "), encoding="utf-8")
        print(f"made the study {DEMO_CLIPS}/")
        return DEMO_CLIPS
    folder, config = read_study(DEMO_CLIPS)
    held = find_source(folder, config.clips.source) if config.clips else None
    if held is None or held.resolve() != source.resolve():
        raise UsageError(
            f"--clips {source}: {DEMO_CLIPS}/ is a study of other clips ({held or 'none of its own'}); "
            f"open it with earmark serve {DEMO_CLIPS}, or move it away"
        )
    import_study(folder, config)
    pass_gate(folder, config)
    return folder


def _embedded(arguments: argparse.Namespace) -> Path:
    """Make the demo study, and render what is missing of it; return its folder."""
    from app.verbs.clips.pipeline import up_to_date

    if not (DEMO / "study.yaml").is_file():
        create_study(DEMO, DEMO_STUDY.read_text(encoding="utf-8"))
        print(f"made the study {DEMO}/")
    folder, config = read_study(DEMO)
    if not up_to_date(folder, config):
        # The server's modules meanwhile: what renders imports on one core, too.
        threading.Thread(target=importlib.import_module, args=("app.server",), daemon=True).start()
        # In a process of its own: the server that follows needs none of what torch leaves in memory.
        try:
            command = [sys.executable, "-m", "app", "generate", str(folder), "--device", arguments.device]
            command += ["--beyond-training"] if arguments.beyond_training else []
            made = subprocess.run(command, check=False)
        except KeyboardInterrupt:
            raise SystemExit(130) from None  # the child has said what there is to say
        if made.returncode:
            raise SystemExit(made.returncode)
    return folder
