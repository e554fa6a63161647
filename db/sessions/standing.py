"""Where a participant stands: what the page is told after each step."""

from sqlalchemy.orm import Session as OrmSession

from db.scope import Scope
from db.sessions.answers import last_answered
from db.sessions.asking import page
from db.sessions.participants import owns
from db.sessions.settling import Outline, outline
from db.sessions.settling import done as settled
from db.sessions.trials import open_trials, terms_of, view_of
from db.tables import Rating, Session, Trial
from db.tokens import LINK
from db.views import Answered, State, TrialView
from survey.session import FINISHED, FINISHED_DISCARDED, accepts
from survey.trials import quality
from survey.trials.design import PRACTICE


def standing(
    scope: Scope,
    db: OrmSession,
    session: Session,
    token: str,
    ahead: list[Trial] | None = None,
    known: list[Outline] | None = None,
    last: tuple[Trial, Rating] | None = None,
) -> State:
    """Return where a session stands.

    The next open trials, all in short, and the one that was answered last are given where they are known.
    """
    known = known or outline(db, session)
    shown = [one for one in known if one.skipped is None]
    practice = [one.position for one in shown if one.kind == PRACTICE]
    trials = [one.position for one in shown if one.counts]
    terms = terms_of(scope, db, session)

    def view(trial: Trial) -> TrialView:
        group = practice if trial.kind == PRACTICE else trials
        return view_of(trial, terms, group.index(trial.position) + 1, len(group))

    done = session.stage == "done"
    coming = [] if done else open_trials(db, session, 2, terms) if ahead is None else ahead[:2]
    views = [view(trial) for trial in coming]
    showing = session.stage in ("practice", "trials")
    owner = owns(scope, token, session.participant)
    before = last or last_answered(db, session) if showing and owner and terms.rules.go_back else None
    if before is not None and not accepts(session.stage, before[0].kind):
        before = None
    rules, tries = terms.rules, session.headphone or ()
    passed, missed = quality.headphone_standing(tries, rules.headphone_pass)
    left = quality.HEADPHONE_CHECKS[rules.headphone_check][passed:]
    over = settled(known)
    return State(
        stage=session.stage,
        trial=views[0] if views and showing else None,
        upcoming=next(iter(views[1:] if showing else views), None),
        trials=len(trials),
        previous=Answered(view(before[0]), before[1].given, before[1].comment, before[1].plays) if before else None,
        # Whoever took part to the end leaves as they did, whatever became of it.
        outcome=FINISHED if session.outcome == FINISHED_DISCARDED else session.outcome,
        tries=len(tries),
        session_id=session.id,
        external_id=session.participant.external_id,
        volume=session.volume,
        terms=terms,
        link=scope.tokens.derived(LINK, session.participant),
        owner=owner,
        ended_at=session.finished_at,
        headphone=next(iter(left), ""),
        missed=missed,
        page=page(scope, session, session.stage, over),
        done=over,
    )
