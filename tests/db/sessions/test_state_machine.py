"""Any order of what three people and a researcher do: all that was acknowledged is stored once, and theirs alone."""

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from going_through import RULES, answer
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.researcher.views.sums import Sums, of
from db import Store, UnknownParticipant, open_engine
from db.results.watching import Watch
from survey.errors import AnswerError

PEOPLE = st.sampled_from(["anna", "bert", "cleo"])
PAGES = st.sampled_from(["consent", "sound_check", "instructions", "ready", "trials", "done", "nowhere"])
SCORES = st.integers(1, 5)
NUMBERS = itertools.count()


@dataclass
class Person:
    """What one person was told: the code, and the answers by the place of their trial."""

    code: str
    answers: dict[int, int] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    sent: list = field(default_factory=list)
    excluded: bool = False


def sums_in(sums: Sums) -> dict[str, object]:
    return {name: value for name, value in vars(sums).items() if isinstance(value, Counter)}


@pytest.fixture
def machine(url, manifest):
    """Give the machine over one database, in which every run has a study of its own."""
    engine = open_engine(url)

    class People(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.study = f"study {next(NUMBERS)}"
            self.here: dict[str, Person] = {}
            self.left: set[str] = set()
            self.mark, self.sums = 0, Sums()
            self.open()

        def open(self) -> None:
            self.store = Store(engine, self.study, replace(RULES, go_back=True, must_listen=False))
            self.store.clips.sync(manifest(prompts=2, mark=f"{self.mark}"))

        def token(self, name: str) -> str:
            return f"{self.study} {name} {len([one for one in self.left if one.startswith(name)])}".ljust(32, "x")

        def knows(self, name: str) -> bool:
            """Say whether somebody is here; who is not is refused, whatever they do."""
            if name in self.here:
                return True
            with pytest.raises(UnknownParticipant):
                self.store.sessions.state(self.token(name))
            return False

        @rule(name=PEOPLE)
        def arrives(self, name: str) -> None:
            token = self.token(name)
            state = self.store.sessions.start(token)
            assert state.stage != "consent"
            code = self.store.participants.code_of(token)
            assert self.here.setdefault(name, Person(code)).code == code

        @rule(name=PEOPLE, page=PAGES)
        def confirms(self, name: str, page: str) -> None:
            if self.knows(name):
                before = self.store.sessions.state(self.token(name)).stage
                after = self.store.sessions.confirm(self.token(name), page).stage
                assert after == before or page == before

        @rule(name=PEOPLE, score=SCORES)
        def rates(self, name: str, score: int) -> None:
            if not self.knows(name):
                return
            state = self.store.sessions.state(self.token(name))
            if state.trial is not None:
                given = answer(state.trial, score)
                self.store.sessions.rate(self.token(name), given)
                assert state.trial.position not in self.here[name].answers
                self.here[name].answers[state.trial.position] = score
                self.here[name].sent.append(given)

        @rule(name=PEOPLE, score=st.sampled_from([0, 6, -1, 2.5, "3", None, True, [3]]))
        def rates_as_nobody_can(self, name: str, score: object) -> None:
            if self.knows(name):
                state = self.store.sessions.state(self.token(name))
                if state.trial is not None:
                    with pytest.raises(AnswerError):
                        self.store.sessions.rate(self.token(name), answer(state.trial, score))

        @rule(name=PEOPLE, whose=PEOPLE, score=SCORES)
        def sends_an_answer_again(self, name: str, whose: str, score: int) -> None:
            """One's own from an old tab, or somebody else's."""
            if self.knows(name) and whose in self.here:
                for sent in self.here[whose].sent[-2:]:
                    self.store.sessions.rate(self.token(name), replace(sent, score=score))

        @rule(name=PEOPLE, score=SCORES)
        def goes_back(self, name: str, score: int) -> None:
            if not self.knows(name):
                return
            state = self.store.sessions.state(self.token(name))
            if state.previous is not None:
                given = replace(answer(state.previous.trial, score), revises=True)
                self.store.sessions.rate(self.token(name), given)
                self.here[name].answers[state.previous.trial.position] = score

        @rule(name=PEOPLE, position=st.integers(-1, 12))
        def skips(self, name: str, position: int) -> None:
            if not self.knows(name):
                return
            state = self.store.sessions.state(self.token(name))
            self.store.sessions.skip(self.token(name), position, "undecodable")
            if state.trial is not None and state.trial.position == position:
                self.here[name].skipped.add(position)

        @rule(name=PEOPLE)
        def withdraws(self, name: str) -> None:
            done = self.store.participants.withdraw(self.token(name))
            assert done == (name in self.here)
            if done:
                del self.here[name]
                self.left.add(f"{name} {len(self.left)}")

        @rule(name=PEOPLE)
        def is_purged(self, name: str) -> None:
            person = self.here.pop(name, None)
            if person:
                assert self.store.participants.purge([person.code]).codes == (person.code,)
                self.left.add(f"{name} {len(self.left)}")

        @rule(revoked=st.booleans())
        def a_link_is_made(self, revoked: bool) -> None:
            self.store.participants.invite(1, "a label")
            if revoked:
                code = self.store.results.progress()[-1].code
                assert self.store.participants.revoke([code]) == [code]

        @rule()
        def the_study_is_revised(self) -> None:
            if self.here:
                self.store.revisions.revise(self.store.scope.frozen)

        @rule()
        def the_clips_are_rendered_anew(self) -> None:
            self.mark += 1
            self.store.clips.sync(manifest(prompts=2, mark=f"{self.mark}"))

        @rule(name=PEOPLE, kind=st.sampled_from(["play", "stall"]))
        def hears_something(self, name: str, kind: str) -> None:
            assert self.store.events.log(self.token(name), kind, 0, {}) == (name in self.here)

        @rule(name=PEOPLE)
        def is_excluded(self, name: str) -> None:
            if name in self.here:
                found = self.store.sessions.exclude([self.here[name].code], "a machine")
                assert found == ([] if self.here[name].excluded else [self.here[name].code])
                self.here[name].excluded = True

        @rule(name=PEOPLE)
        def is_included_again(self, name: str) -> None:
            if name in self.here:
                found = self.store.sessions.include([self.here[name].code])
                assert found == ([self.here[name].code] if self.here[name].excluded else [])
                self.here[name].excluded = False

        @rule()
        def the_server_starts_again(self) -> None:
            self.open()

        @invariant()
        def everything_acknowledged_is_stored_once_and_nothing_else(self) -> None:
            stored = [(row.participant, row.position, row.score) for row in self.store.results.ratings()]
            told = [
                (person.code, position, float(score))
                for person in self.here.values()
                for position, score in person.answers.items()
            ]
            assert sorted(stored) == sorted(told)

        @invariant()
        def what_is_kept_at_hand_is_what_is_stored(self) -> None:
            kept, read = self.store.results.watch.look(), Watch(self.store.scope).look()
            assert (kept.people, kept.sessions, kept.cells) == (read.people, read.sessions, read.cells)
            self.sums.follow(kept)
            assert sums_in(self.sums) == sums_in(of(read))

        @invariant()
        def everybody_who_is_here_has_one_session(self) -> None:
            rows = {row.participant: row for row in self.store.results.sessions()}
            assert set(rows) == {person.code for person in self.here.values()}
            for name, person in self.here.items():
                state, row = self.store.sessions.state(self.token(name)), rows[person.code]
                over = len(person.answers) + len(person.skipped)
                assert row.answered <= len(person.answers)
                if not person.excluded:
                    assert (state.stage == "done") == (over == row.trials + RULES.practice), (state, row)
                    assert row.counted or state.stage != "done" or person.skipped

    yield People
    engine.dispose()


def test_whatever_people_do_in_whatever_order(machine):
    quick = settings(
        max_examples=12, stateful_step_count=40, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=quick)
