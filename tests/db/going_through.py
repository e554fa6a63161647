"""How people take part in the tests of the store."""

import threading

from db import Answer
from survey.config.session import SessionRules

RULES = SessionRules(practice=2, headphone_check="none")
ANNA, BERT = "anna" * 8, "bert" * 8


def begin(store, token=ANNA, rules=None):
    """Bring a participant to the first clip, in a study with these rules."""
    store.scope.rules = rules or store.scope.rules
    state = store.sessions.start(token)
    while state.stage in ("sound_check", "instructions"):
        state = store.sessions.confirm(token, state.stage)
    return state


def answer(trial, score=3):
    return Answer(trial.same, score, plays=2, heard_seconds=1.5, response_ms=4000)


def finish(store, token=ANNA, rules=None, upto=10**6):
    state = begin(store, token, rules)
    while state.stage != "done" and upto:
        if state.stage == "ready":
            state = store.sessions.confirm(token, "ready")
            continue
        upto -= 1
        state = store.sessions.rate(token, answer(state.trial))
    return state


def together(calls):
    """Run calls in threads that begin at the same moment; return what they gave or raised."""
    barrier, results = threading.Barrier(len(calls)), []

    def run(call):
        barrier.wait()
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
