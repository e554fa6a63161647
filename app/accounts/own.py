"""The page of one's own account: another password, codes of an authenticator app, and every login ended."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from app.accounts import passwords
from app.accounts.roles import MINE, Person, person_of
from app.accounts.shell import page
from app.settings import Secrets
from app.web.guard import LOGIN
from app.web.prefix import address
from app.web.throttle import limit
from db import Store
from db.access.logins import FIRST

TRIES = [(5, 60.0), (20, 3600.0)]  # of an account's own password, by who is logged in already


def own_router(
    store: Store, secrets: Secrets, title: str, log: Callable[..., None], *, desk: bool = False
) -> APIRouter:
    """Build the routes of one's own account.

    Parameters
    ----------
    title
        What the account opens: a study, or the ``desk`` of several.
    log
        Keeps what somebody did: called with a :class:`~app.accounts.roles.Person`, a kind, and details by name.
    """
    router, tries = APIRouter(), limit(store, "own password", TRIES)

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
        account, own = store.accounts.find(person.name), secrets.admin_password
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
                store.accounts.end_codes(person.name)
                log(person, "end codes", account=person.name)
                return _shown(person, said="You log in without a code now.")
        return _shown(person, 422, problem="There is nothing of this kind to change.")

    def _new_password(request: Request, person: Person, new: str) -> Response:
        if not passwords.SHORTEST <= len(new) <= passwords.LONGEST:
            said = f"A password has {passwords.SHORTEST} to {passwords.LONGEST} characters. Nothing was changed."
            return _shown(person, 422, problem=said)
        store.accounts.set_password(person.name, passwords.hashed(new))
        log(person, "set password", account=person.name)
        return RedirectResponse(address(request, LOGIN), 303)  # every login has ended, this one too

    def _new_codes(person: Person, seed: str, code: str) -> Response:
        step = passwords.step_of(_key(person.name, seed), code) if 0 < len(seed) <= passwords.LONGEST_SEED else None
        if step is None or not store.accounts.begin_codes(person.name, seed, step):
            said = "That is not the code that the app shows now. Nothing was changed."
            return _shown(person, 422, problem=said, seed=passwords.new_seed())
        log(person, "ask for codes", account=person.name)
        return _shown(person, said="From now on you are asked for a code of the app at each login.")

    def _key(name: str, seed: str) -> str:
        return passwords.code_key(secrets.key, store.scope.study, name, seed)

    def _shown(person: Person, status: int = 200, problem: str = "", said: str = "", seed: str = "") -> Response:
        key, account = _key(person.name, seed) if seed else "", store.accounts.find(person.name)
        shown = {
            "first": person.name == FIRST,
            "desk": desk,
            "coded": account is not None and account.code_seed is not None,
            "seed": seed,
            "key": key,
            "picture": passwords.picture(passwords.code_address(key, title, person.name)) if key else "",
            "shortest": passwords.SHORTEST,
            "problem": problem,
            "said": said,
        }
        return page("own", "Your account", title, person, status, **shown)

    return router
