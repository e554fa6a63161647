"""PostgreSQL of a test that is killed is gone, and what it left goes with the next one."""

import os
import subprocess
import sys
import time
from pathlib import Path

from databases import Cluster, clear_away

HERE = Path(__file__).parent
STARTS = """
import sys
from databases import QUICK, Postgres
server = Postgres(*QUICK)
print(server.folder, server.pid, flush=True)
sys.stdin.read()
"""


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_server_of_a_killed_process_ends_and_its_folder_goes(cluster: Cluster) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS], env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    folder, pid = process.stdout.readline().split()
    clear_away()  # as another process of the tests does meanwhile
    assert alive(pid)
    assert Path(folder).is_dir(), "it is in use"
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while alive(pid):
        assert time.monotonic() < deadline, "it goes on without the process that it is of"
        time.sleep(0.05)  # polling, not timing: the condition above decides
    clear_away()
    assert not Path(folder).exists()
    cluster.drop(cluster.create())  # one that is in use stays
