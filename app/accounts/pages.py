"""The owners' page of accounts: who there is, who is made or removed, and the log of what all of them did."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from app.accounts.log import as_csv, note
from app.accounts.passwords import hashed, new_password
from app.accounts.roles import ROLES, person_of, read_name
from app.accounts.shell import page
from app.errors import UsageError
from app.study import Study
from db import Store
from db.access.logins import FIRST

SHOWN = 200  # lines of the log


def accounts_router(study: Study) -> APIRouter:
    """Build the routes of the owners' page."""
    router = APIRouter()

    @router.get("/admin/accounts")
    def show(request: Request) -> Response:
        return _shown(request)

    @router.post("/admin/accounts")
    async def change(request: Request) -> Response:
        form = await request.form()
        given = [str(form.get(field, "")) for field in ("do", "name", "role")]
        return await run_in_threadpool(_change, request, *given)

    @router.get("/admin/actions.csv")
    def actions() -> Response:
        headers = {"Content-Disposition": 'attachment; filename="actions.csv"'}
        return Response(as_csv(reversed(study.store.actions.newest())), media_type="text/csv", headers=headers)

    def _change(request: Request, do: str, name: str, role: str) -> Response:
        try:
            kind, detail, said = change_account(study.store, do, name, role)
        except UsageError as error:
            return _shown(request, str(error), 422)
        note(study, person_of(request), kind, **detail)
        return _shown(request, said=said)

    def _shown(request: Request, problem: str = "", status: int = 200, said: str = "") -> Response:
        accounts, log = study.store.accounts.all(), study.store.actions.newest(SHOWN)
        first = study.store.accounts.find(FIRST)
        coded = first is not None and first.code_seed is not None
        shown = {"accounts": accounts, "coded": coded, "log": log, "most": SHOWN, "problem": problem, "said": said}
        return page("accounts", "Accounts", study.config.name, person_of(request), status, **shown)

    return router


def change_account(store: Store, do: str, given: str, role: str = "") -> tuple[str, dict[str, str], str]:
    """Change an account as the page or the command line asks: the log's kind and detail of that, and what to say.

    Parameters
    ----------
    do
        ``add``, ``remove``, ``password`` (another one) or ``codes`` (ask for none any more).

    Raises
    ------
    UsageError
        If the name can be none or is taken, nobody has it, or there is no such role; then nothing is changed.
    """
    name = read_name(given)
    if not name:
        raise UsageError(f"{given[:60]!r}: no name of an account; use up to 40 letters, digits and _.@+-")
    if name == FIRST and do in ("password", "remove"):
        raise UsageError(
            f"{FIRST}: has the study's own password; change it where that is, in EARMARK_ADMIN_PASSWORD or .secret.json"
        )
    password = new_password() if do in ("add", "password") else ""
    told = f"password of {name}: {password} (shown this once; whoever has it can change it at /admin/account)"
    if do == "add":
        if role not in ROLES:
            raise UsageError(f"{role[:60]!r}: no role; use {', '.join(ROLES)}")
        if not store.accounts.add(name, role, hashed(password)):
            raise UsageError(f"{name}: there is an account of this name already; use another name")
        return "add account", {"account": name, "role": role}, told
    if do == "password":
        done, kind, said = store.accounts.set_password(name, hashed(password)), "set password", told
    elif do == "codes":
        done, kind, said = store.accounts.end_codes(name), "end codes", f"{name} logs in without a code now"
    elif do == "remove":
        done, kind, said = store.accounts.remove(name), "remove account", f"{name} is removed and logged out"
    else:
        raise UsageError(f"{do[:60]!r}: not something to do with an account; use add, remove, password or codes")
    if not done:
        raise UsageError(f"{name}: nobody has this name; see the list of accounts")
    return kind, {"account": name}, said
