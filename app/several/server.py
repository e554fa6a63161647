"""The server of several studies: whoever asks below a study's name is answered by that study, others by the desk."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.several.entries import Entry
from app.web.prefix import route_of


class Several:
    """ASGI application of the studies and the desk.

    Parameters
    ----------
    desk
        Answers all that is under no study, and begins and ends with the server.
    """

    def __init__(self, entries: Sequence[Entry], desk: FastAPI) -> None:
        self._studies: dict[str, ASGIApp] = {one.name: one.app for one in entries if one.app is not None}
        self._desk = desk
        desk.router.lifespan_context = self._life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, as a proxy would that gives each study a path."""
        if scope["type"] != "lifespan":
            name = route_of(scope)[1:].partition("/")[0]
            study = self._studies.get(name)
            if study is not None:
                scope["root_path"] = f"{scope.get('root_path', '')}/{name}"
                await study(scope, receive, send)
                return
        await self._desk(scope, receive, send)

    @asynccontextmanager
    async def _life(self, desk: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as lives:
            for study in self._studies.values():
                if isinstance(study, FastAPI):
                    await lives.enter_async_context(study.router.lifespan_context(study))
            yield
        desk.state.store.close()
