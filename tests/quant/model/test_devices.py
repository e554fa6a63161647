"""The device that a name means, on machines with and without a GPU."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch
from tiny_models import one_line

from quant.errors import QuantError
from quant.model.devices import device_named


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    device_named.cache_clear()
    yield
    device_named.cache_clear()


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """As many GPUs as asked for, of a compute capability: (count, capability)."""
    count, capability = request.param
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device}")


@pytest.mark.parametrize(
    ("gpus", "name", "found"),
    [
        ((0, None), "auto", "cpu"),
        ((0, None), "cpu", "cpu"),
        ((1, (9, 0)), "auto", "cuda"),
        ((1, (7, 5)), "auto", "cuda"),
        ((1, (7, 0)), "auto", "cpu"),  # no int8 tensor cores
        ((1, (7, 0)), "cuda", "cuda"),
        ((2, (9, 0)), "cuda:1", "cuda:1"),
        ((2, (9, 0)), "cpu", "cpu"),
    ],
    indirect=["gpus"],
)
def test_device_of_a_name(gpus: None, name: str, found: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="quant.model.devices"):
        assert [device_named(name) for _ in range(3)] == [found] * 3
    assert [record.getMessage() for record in caplog.records] == [
        f"device: {found}" if found == "cpu" else f"device: GPU {found}"
    ]


@pytest.mark.parametrize(
    ("gpus", "name"),
    [
        ((0, None), "cuda"),
        ((1, (9, 0)), "cuda:1"),
        *(((1, (9, 0)), name) for name in ("gpu", "cuda:", "cuda:x", "cpu:1", "mps", "", "cuda:-1")),
    ],
    indirect=["gpus"],
)
def test_device_that_is_not_there_is_refused(gpus: None, name: str) -> None:
    with pytest.raises(QuantError) as caught:
        device_named(name)
    assert one_line(caught.value).startswith(f"--device: {name} ")
