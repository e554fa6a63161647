"""Where a participant stands: what the page is told after each step."""

from sqlalchemy.orm import Session as OrmSession

from db.scope import Scope
from db.sessions.answers import given_to, last_answered
from db.sessions.asking import page
from db.sessions.participants import owns
from db.sessions.settling import Outline, outline
from db.sessions.settling import done as settled
from db.sessions.trials import heard_in, terms_of, view_of
from db.tables import Session
from db.tokens import LINK
from db.views import Answered, State, TrialView
from survey.session import FINISHED, FINISHED_DISCARDED, accepts
from survey.trials import quality
from survey.trials.design import PRACTICE, UNCOUNTED


def standing(
    scope: Scope,
    db: OrmSession,
    session: Session,
    token: str,
    known: list[Outline] | None = None,
) -> State:
    """Return where a session stands; its trials are given where they are known."""
    known = outline(db, session) if known is None else known
    shown = [one for one in known if one.skipped is None]
    practice = [one.position for one in shown if one.kind == PRACTICE]
    trials = [one.position for one in shown if one.counts]
    terms = terms_of(scope, db, session)

    showing = session.stage in ("practice", "trials")
    owner = owns(scope, token, session.participant)
    last = last_answered(known) if showing and owner and terms.rules.go_back else None
    before = last if last is not None and accepts(session.stage, last.kind) else None
    coming = [] if session.stage == "done" else [one for one in known if one.open][:2]
    heard = heard_in(db, [*coming, before] if before else coming)

    def view(trial: Outline) -> TrialView:
        group = practice if trial.kind == PRACTICE else trials
        return view_of(trial, heard, terms, group.index(trial.position) + 1, len(group))

    views = [view(trial) for trial in coming]
    rules, tries = terms.rules, session.headphone or ()
    passed, missed = quality.headphone_standing(tries, rules.headphone_pass)
    left = quality.HEADPHONE_CHECKS[rules.headphone_check][passed:]
    over = settled(known)
    return State(
        stage=session.stage,
        trial=views[0] if views and showing else None,
        upcoming=next(iter(views[1:] if showing else views), None),
        trials=len(trials),
        previous=Answered(view(before), *given_to(db, before)) if before else None,
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
        anew=session.stage in ("questions", "sound_check") and any(one.kind == UNCOUNTED for one in known),
        done=over,
    )
