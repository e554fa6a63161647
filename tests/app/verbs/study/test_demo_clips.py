"""The demo on somebody's own clips."""

import os
import random

import numpy as np
import pytest
from own_sounds import hashes, write_tree

from app.errors import UsageError
from app.folder import DEMO_CLIPS
from app.settings import Settings
from app.study import Study
from app.verbs.study.demo import own_demo

SEED = int(os.environ.get("EARMARK_TEST_SEED", random.randrange(2**32)))


def test_a_folder_of_clips_becomes_a_demo_that_opens(tmp_path, monkeypatch, capsys):
    print(f"seed {SEED}")
    rng = np.random.default_rng(SEED)
    monkeypatch.chdir(tmp_path)
    source = write_tree(tmp_path / "mine", rng)
    before = hashes(source)
    assert own_demo(source) == DEMO_CLIPS
    study = Study(DEMO_CLIPS, Settings())
    try:
        assert study.ready
        assert study.config.session.headphone_check == "none"
        assert study.config.name == "demo-clips"
    finally:
        study.close()
    written = (DEMO_CLIPS / "study.yaml").read_text(encoding="utf-8")
    assert own_demo(source) == DEMO_CLIPS, "again, it opens what is there"
    assert (DEMO_CLIPS / "study.yaml").read_text(encoding="utf-8") == written
    assert hashes(source) == before
    capsys.readouterr()
    with pytest.raises(UsageError, match=r"demo-clips/ is a study of other clips .*move it away"):
        own_demo(write_tree(tmp_path / "others", rng))
