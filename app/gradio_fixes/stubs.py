"""Gradio, imported without the type stubs of its components being compared with their sources and written anew.

It does so beside its sources, at every import, for each of eighty components; a class without a file it passes over.
"""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def _without_files() -> Iterator[None]:
    original = inspect.getfile

    def getfile(object: Any) -> str:
        if isinstance(object, type) and object.__module__.startswith("gradio."):
            raise OSError
        return original(object)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = original


with _without_files():
    import gradio

__all__ = ["gradio"]
