"""Clips taken over under people who answer: they wait for a few statements, however many clips there are."""

import pytest
from sqlalchemy import event

from db import Store, open_engine
from survey.config.session import SessionRules

CONDITIONS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")


def statements(store, manifest) -> int:
    """Count what taking over a manifest asks of the database."""
    asked = []

    def count(*call):
        asked.append(call[2])

    event.listen(store.scope.engine, "before_cursor_execute", count)
    store.clips.sync(manifest)
    event.remove(store.scope.engine, "before_cursor_execute", count)
    return len(asked)


@pytest.mark.parametrize(("mark", "each"), [("0", 0), ("1", 1)], ids=["as they were", "rendered anew"])
def test_the_work_is_a_statement_for_each_new_clip_and_none_for_the_others(url, manifest, mark, each):
    counted = []
    for prompts in (4, 40):
        store = Store(open_engine(url), f"study of {prompts}", SessionRules(headphone_check="none", practice=0))
        store.clips.sync(manifest(prompts, CONDITIONS))
        for number in range(3):
            store.sessions.start(f"{prompts}-{number}".zfill(32))
        counted.append(statements(store, manifest(prompts, CONDITIONS, mark)))
        heard = {
            clip.sha256 for position in (1, 5) for clip in store.trials.at(f"{prompts}-0".zfill(32), position).clips
        }
        assert heard <= {clip.sha256 for clip in manifest(prompts, CONDITIONS, mark).clips}
        store.close()
    few, many = counted
    assert many <= few + each * len(CONDITIONS) * (40 - 4) + 5, counted
