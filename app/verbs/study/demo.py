"""The verb demo: all of the way at once, with the embedded model."""

import argparse
import subprocess
import sys

from app.folder import DEMO, DEMO_STUDY, create_study, read_study
from app.verbs.options import address, beyond_training, device
from app.verbs.study.serve import listen, run_server


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    address(made)
    device(made)
    beyond_training(made)
    made.add_argument("--no-browser", action="store_true", help="do not open a browser")


def run(arguments: argparse.Namespace) -> None:
    """Make the demo study with the embedded model, open its survey in a browser."""
    from app.verbs.clips.pipeline import up_to_date

    listener = listen(arguments.host, arguments.port)
    if not (DEMO / "study.yaml").is_file():
        create_study(DEMO, DEMO_STUDY)
        print(f"made the study {DEMO}/")
    folder, config = read_study(DEMO)
    if not up_to_date(folder, config):
        # In a process of its own: the server that follows needs none of what torch leaves in memory.
        try:
            command = [sys.executable, "-m", "app", "generate", str(folder), "--device", arguments.device]
            command += ["--beyond-training"] if arguments.beyond_training else []
            made = subprocess.run(command, check=False)
        except KeyboardInterrupt:
            raise SystemExit(130) from None  # the child has said what there is to say
        if made.returncode:
            raise SystemExit(made.returncode)
    run_server(folder, listener, browser=not arguments.no_browser)
