"""Tokens: no secret lies in the database, and another browser that knows an identity gets no more than the rating."""

from dataclasses import replace

import pytest
from going_through import ANNA, BERT, RULES, answer, begin, finish
from sqlalchemy import create_engine, inspect, text
from test_migration import TOKENS, old  # noqa: F401 - a fixture

from db import Arrival, Store, UnknownParticipant, open_engine
from survey.config.session import SessionRules

FROM_PROLIFIC = Arrival(platform="prolific", external_id="5f1")


@pytest.fixture
def study(url, manifest):
    opened = Store(open_engine(url), "s", SessionRules(headphone_check="none"), key=b"k" * 32)
    opened.clips.sync(manifest())
    yield opened
    opened.close()


def owns(store, token: str) -> bool:
    """Say whether a token opens all that is somebody's."""
    return store.participants.knows(token) and store.sessions.state(token).owner


def everything(url) -> str:
    """Return all that stands in a database."""
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = inspect(engine).get_table_names()
        found = [str(connection.execute(text(f'SELECT * FROM "{table}"')).all()) for table in tables]
    engine.dispose()
    return "\n".join(found)


def test_no_token_can_be_read_from_the_database(study, url):
    (link,) = study.participants.invite(1)
    begin(study, link)
    study.sessions.start(ANNA, FROM_PROLIFIC)
    resumed = study.participants.resume("5f1")
    stored = everything(url)
    assert "5f1" in stored
    assert not [token for token in (link, ANNA, resumed) if token in stored]


def test_a_stolen_database_opens_nothing_without_the_key(study, url):
    (link,) = study.participants.invite(1)
    begin(study, ANNA)
    other = Store(open_engine(url), "s")
    assert study.participants.knows(link)
    assert not other.participants.knows(link)
    with pytest.raises(UnknownParticipant):
        other.sessions.state(ANNA)
    other.close()


def test_another_key_makes_other_links_until_the_old_one_is_back(study, url):
    (link,) = study.participants.invite(1)
    begin(study, ANNA)
    study.sessions.start(BERT, FROM_PROLIFIC)
    for key, same in ((b"another key" * 3, False), (b"k" * 32, True), (b"k" * 32, True)):
        served = Store(open_engine(url), "s", key=key)
        links = [person.link for person in served.results.progress()]
        assert all(owns(served, one) for one in links), "what the desk shows opens"
        assert (links[0] == link) is same
        assert owns(served, ANNA) is same
        resumed = served.participants.resume("5f1")
        assert served.participants.knows(resumed), "an identity resumes under any key"
        served.close()
    assert not served.rekeyed


def test_what_is_stored_of_a_token_is_no_token(study, url):
    begin(study, ANNA)
    digest = study.scope.tokens.digest(ANNA)
    assert digest in everything(url)
    assert not study.participants.knows(digest)


def test_a_personal_link_can_be_told_again_and_opens_all(study):
    (link,) = study.participants.invite(1)
    begin(study, ANNA)
    invited, anna = study.results.progress()
    assert invited.link == link
    assert study.sessions.state(anna.link).session_id == study.sessions.state(ANNA).session_id
    assert owns(study, anna.link)
    assert study.participants.withdraw(anna.link)
    assert not study.participants.knows(anna.link)
    assert not study.participants.knows(ANNA)
    assert [person.link for person in study.results.progress()] == [link, ""]


def test_another_browser_with_the_identity_may_rate_and_nothing_else(study):
    study.scope.rules = replace(RULES, go_back=True, practice=0)
    study.sessions.start(ANNA, FROM_PROLIFIC)
    first = begin(study, ANNA).trial
    study.sessions.rate(ANNA, answer(first, 2))
    token = study.participants.resume("5f1", BERT)
    assert token not in (ANNA, BERT)
    state = study.sessions.state(token)
    assert (state.owner, state.previous) == (False, None), "answers are not shown to whoever knows an identity"
    after = study.sessions.rate(token, replace(answer(first, 5), revises=True))
    assert after.trial == state.trial, "nor changed"
    assert not study.participants.withdraw(token)
    assert finish(study, token).outcome == "finished"
    assert not study.participants.withdraw(token)
    assert next(iter(study.results.ratings())).score == 2
    assert study.sessions.state(ANNA).owner
    assert study.participants.withdraw(ANNA)
    assert not study.participants.knows(token)


def test_the_browser_that_began_stays_the_owner_when_it_comes_by_the_address_again(study):
    study.sessions.start(ANNA, FROM_PROLIFIC)
    assert study.participants.resume("5f1", ANNA) == ANNA
    link = study.results.progress()[0].link
    assert study.participants.resume("5f1", link) == link


def test_tokens_of_older_versions_go_on_and_are_hashed_at_the_next_start(old, request):  # noqa: F811
    url = old
    assert TOKENS[0] in everything(url)
    Store(open_engine(url), "s").close()  # such as an export, which knows no key
    assert TOKENS[0] in everything(url)
    for _ in range(2):
        served = Store(open_engine(url), "s", key=b"k" * 32)
        assert not [token for token in TOKENS if token in everything(url)]
        assert [owns(served, token) for token in TOKENS] == [True, True]
        assert all(owns(served, person.link) for person in served.results.progress())
        served.close()
