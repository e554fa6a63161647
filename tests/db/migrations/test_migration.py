"""A database of an older version is brought up to date with all that it holds."""

import json
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from db import Store, open_engine
from db.engine import MIGRATIONS
from db.sessions.events import EVENT_BYTES
from survey.config.session import SessionRules

TOKENS = ("anna" * 8, "bert" * 8)


@pytest.fixture
def old(bare, manifest):
    """Give a database of the version before revisions: one study with an ended and a running session, one without."""
    engine = create_engine(bare)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    moment = now.replace(tzinfo=None).isoformat(" ") if engine.dialect.name == "sqlite" else now
    with engine.begin() as connection:

        def insert(table: str, **values) -> None:
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)

        for number, name in enumerate(("s", "empty"), 1):
            insert("study", id=number, name=name, created_at=moment)
        names = ("baseline", "sqs-w8a8", "(check)")
        for number, name in enumerate(names, 1):
            insert("condition", id=number, study_id=1, name=name)
        clips = manifest(2, names).clips
        for number, clip in enumerate(clips, 1):
            insert(
                "stimulus", id=number, study_id=1, condition_id=names.index(clip.condition) + 1, name=clip.stimulus,
                prompt_id=clip.prompt_id, prompt=clip.prompt, seed=clip.seed, file=clip.file, sha256=clip.sha256,
                seconds=1.0, place=number, active=True,
            )  # fmt: skip
        for number, (token, ended) in enumerate(zip(TOKENS, (moment, None), strict=True), 1):
            insert(
                "participant", id=number, study_id=1, code=f"P{number:03}", token=token, source="open",
                created_at=moment,
            )  # fmt: skip
            insert(
                "session", id=number, study_id=1, participant_id=number, design_index=number - 1,
                stage="done" if ended else "trials", consent_sha256="0" * 64, started_at=moment, finished_at=ended,
                seen_at=moment, outcome="finished" if ended else None, counted=True, failures=0,
            )  # fmt: skip
            # The type was changed after the first session.
            insert(
                "trial", id=number, session_id=number, position=1, kind="trial", stimulus_id=2, prompt_id="p1",
                prompt="prompt 1", question=("acr", "ab")[number - 1],
            )  # fmt: skip
        for number, detail in enumerate(('{"at": 0.5}', "{}"), 1):
            insert("event", id=number, session_id=1, position=1, kind="play", detail=detail, at=moment)
        for place, stimulus in enumerate((2, 1)):
            insert("trial_clip", trial_id=2, place=place, stimulus_id=stimulus)
        insert(
            "rating", id=1, trial_id=1, score=4, plays=1, heard_seconds=1.0, response_ms=9, rated_at=moment, comment=""
        )
    engine.dispose()
    return bare


def test_what_is_known_becomes_the_first_revision(old):
    engine = open_engine(old)
    store = Store(engine, "s", SessionRules())
    found = store.revisions.find()
    assert (found.number, found.complete) == (1, False)
    assert found.made_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.frozen == {
        "conditions": ["baseline", "sqs-w8a8"],
        "prompts": ["prompt 1", "prompt 2"],
        "sampling": {"seeds": [1000]},
        "scale": {"type": "ab"},
    }
    assert Store(engine, "empty").revisions.find() is None
    (row,) = store.results.ratings()
    assert (row.score, row.question, row.revision, row.condition) == (4, "acr", 1, "sqs-w8a8")
    store.close()


def test_sounds_that_say_what_to_answer_are_known_by_their_kind_and_their_answer(old):
    engine = open_engine(old)
    with engine.connect() as connection:
        held = connection.execute(text("SELECT name, kind, expected, seed FROM stimulus ORDER BY id")).all()
        asked = connection.execute(text("SELECT asked FROM session")).scalars().all()
    for name, kind, expected, answer in held:
        assert (kind, expected) == (("instructed", answer) if "(check)" in name else ("trial", None))
    assert {kind for _, kind, _, _ in held} == {"instructed", "trial"}
    assert asked == [None, None], "they end without questions that came later"
    engine.dispose()


def test_what_a_log_holds_is_counted(old):
    engine = open_engine(old)
    with engine.connect() as connection:
        held = connection.execute(text("SELECT log_bytes FROM session ORDER BY id")).scalars().all()
    assert held == [2 * EVENT_BYTES + len('{"at": 0.5}') + len("{}"), 0]
    engine.dispose()


def test_the_rest_is_filled_in_once_and_sessions_go_on_under_it(old):
    store = Store(open_engine(old), "s", SessionRules(must_listen=False), key=b"k" * 32)
    part = {"scale": {"type": "ab", "question": "Louder?", "no_preference": True}, "analysis": {"baseline": "baseline"}}
    store.revisions.adopt(part)
    store.revisions.adopt({"scale": {"type": "acr"}})
    assert store.revisions.find().frozen == part
    assert store.revisions.find().complete
    ended, running = (store.trials.at(token, 1).terms for token in TOKENS)
    assert (running.asked.first.question, running.asked.first.no_preference) == ("Louder?", True)
    assert not running.rules.must_listen, "the rules of now, because none were stored"
    assert ended.asked.first.type == "acr", "its trials were grades, whatever came after"
    assert json.loads(json.dumps(store.revisions.find().frozen)) == part
    store.close()


def test_a_score_stays_a_whole_number_and_others_may_have_fractions(old):
    engine = open_engine(old)
    store = Store(engine, "s", SessionRules())
    (row,) = store.results.ratings()
    assert (row.score, type(row.score), row.scale, row.low, row.answer) == (4, int, "", None, "")
    with engine.begin() as connection:
        connection.execute(text("UPDATE rating SET score = 3.5"))
        assert connection.execute(text("SELECT score, answers FROM rating")).one() == (3.5, None)
    store.close()
