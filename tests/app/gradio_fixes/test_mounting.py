"""Pages of Gradio's in our application: each cleans up after itself, and after no other."""

import asyncio

from fastapi.testclient import TestClient
from served import settings_of

from app.server import create_app


def test_an_application_cleans_up_after_its_own_two_pages(study):
    def cleaning() -> int:
        return sum("_delete_state" in str(task.get_coro()) for task in asyncio.all_tasks())

    for _ in range(3):
        with TestClient(create_app(study, settings_of(study))) as client:
            assert client.portal.call(cleaning) == 2
