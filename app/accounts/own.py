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
from db import AccountView

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
        account = study.store.accounts.find(person.name)
        if account is None:
            return _shown(person, problem="This account's password is the study's own; it is set where that runs.")
        if tries.take(account.name):
            return _shown(person, 429, problem="Too many tries. Please try again in a minute.")
        if not passwords.matches(account.password, given["present"]):
            return _shown(person, 403, problem="That is not your present password. Nothing was changed.")
        match given["do"]:
            case "password":
                return _new_password(request, account, given["new"])
            case "ask":
                return _shown(person, seed=passwords.new_seed())
            case "codes":
                return _new_codes(person, account, given["seed"], given["code"])
            case "end":
                study.store.accounts.set_codes(account.name, None)
                note(study, person, "end codes", account=account.name)
                return _shown(person, said="You log in without a code now.")
        return _shown(person, 422, problem="There is nothing of this kind to change.")

    def _new_password(request: Request, account: AccountView, new: str) -> Response:
        if not passwords.SHORTEST <= len(new) <= passwords.LONGEST:
            said = f"A password has {passwords.SHORTEST} to {passwords.LONGEST} characters. Nothing was changed."
            return _shown(person_of(request), 422, problem=said)
        study.store.accounts.set_password(account.name, passwords.hashed(new))
        note(study, person_of(request), "set password", account=account.name)
        return RedirectResponse(address(request, LOGIN), 303)  # every login has ended, this one too

    def _new_codes(person: Person, account: AccountView, seed: str, code: str) -> Response:
        step = passwords.step_of(_key(account.name, seed), code) if 0 < len(seed) <= passwords.LONGEST_SEED else None
        if step is None or not study.store.accounts.use_code(account.name, step):
            said = "That is not the code that the app shows now. Nothing was changed."
            return _shown(person, 422, problem=said, seed=passwords.new_seed())
        study.store.accounts.set_codes(account.name, seed)
        note(study, person, "ask for codes", account=account.name)
        return _shown(person, said="From now on you are asked for a code of the app at each login.")

    def _key(name: str, seed: str) -> str:
        return passwords.code_key(study.secrets.key, study.store.scope.study, name, seed)

    def _shown(person: Person, status: int = 200, problem: str = "", said: str = "", seed: str = "") -> Response:
        key = _key(person.name, seed) if seed else ""
        shown = {
            "account": study.store.accounts.find(person.name),
            "seed": seed,
            "key": key,
            "picture": passwords.picture(passwords.code_address(key, study.config.name, person.name)) if key else "",
            "shortest": passwords.SHORTEST,
            "problem": problem,
            "said": said,
        }
        return page("own", "Your account", study.config.name, person, status, **shown)

    return router
