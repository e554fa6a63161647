"""The page of one's own account: another password, codes of an authenticator app, and every login ended."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from app.accounts import passwords
from app.accounts.log import note
from app.accounts.roles import MINE, Person, person_of
from app.accounts.shell import page
from app.study import Study
from app.web.guard import LOGIN
from app.web.prefix import address
from app.web.throttle import limit
from db.access.logins import FIRST

TRIES = [(5, 60.0), (20, 3600.0)]  # of an account's own password, by who is logged in already


def own_router(study: Study) -> APIRouter:
    """Build the routes of one's own account."""
    router, tries = APIRouter(), limit(study.store, "own password", TRIES)

    @router.get(MINE)
    def show(request: Request) -> Response:
        return _shown(person_of(request))

    @router.post(MINE)
    async def change(request: Request) -> Response:
        return await run_in_threadpool(_change, request, await request.form())

    def _change(request: Request, form: FormData) -> Response:
        given = {name: str(form.get(name, "")) for name in ("do", "present", "new", "seed", "code")}
        person = person_of(request)
        if tries.take(person.name):
            return _shown(person, 429, problem="Too many tries. Please try again in a minute.")
        account, own = study.store.accounts.find(person.name), study.secrets.admin_password
        if not passwords.is_theirs(given["present"], person.name, account, own):
            return _shown(person, 403, problem="That is not your present password. Nothing was changed.")
        match given["do"]:
            case "password" if person.name != FIRST:
                return _new_password(request, person, given["new"])
            case "ask":
                return _shown(person, seed=passwords.new_seed())
            case "codes":
                return _new_codes(person, given["seed"], given["code"])
            case "end":
                study.store.accounts.end_codes(person.name)
                note(study, person, "end codes", account=person.name)
                return _shown(person, said="You log in without a code now.")
        return _shown(person, 422, problem="There is nothing of this kind to change.")

    def _new_password(request: Request, person: Person, new: str) -> Response:
        if not passwords.SHORTEST <= len(new) <= passwords.LONGEST:
            said = f"A password has {passwords.SHORTEST} to {passwords.LONGEST} characters. Nothing was changed."
            return _shown(person, 422, problem=said)
        study.store.accounts.set_password(person.name, passwords.hashed(new))
        note(study, person, "set password", account=person.name)
        return RedirectResponse(address(request, LOGIN), 303)  # every login has ended, this one too

    def _new_codes(person: Person, seed: str, code: str) -> Response:
        step = passwords.step_of(_key(person.name, seed), code) if 0 < len(seed) <= passwords.LONGEST_SEED else None
        if step is None or not study.store.accounts.begin_codes(person.name, seed, step):
            said = "That is not the code that the app shows now. Nothing was changed."
            return _shown(person, 422, problem=said, seed=passwords.new_seed())
        note(study, person, "ask for codes", account=person.name)
        return _shown(person, said="From now on you are asked for a code of the app at each login.")

    def _key(name: str, seed: str) -> str:
        return passwords.code_key(study.secrets.key, study.store.scope.study, name, seed)

    def _shown(person: Person, status: int = 200, problem: str = "", said: str = "", seed: str = "") -> Response:
        key, account = _key(person.name, seed) if seed else "", study.store.accounts.find(person.name)
        shown = {
            "first": person.name == FIRST,
            "coded": account is not None and account.code_seed is not None,
            "seed": seed,
            "key": key,
            "picture": passwords.picture(passwords.code_address(key, study.config.name, person.name)) if key else "",
            "shortest": passwords.SHORTEST,
            "problem": problem,
            "said": said,
        }
        return page("own", "Your account", study.config.name, person, status, **shown)

    return router
