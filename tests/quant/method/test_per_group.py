"""What groups of timesteps need is made once, renewed when its source changes, and dropped where memory is short."""

from __future__ import annotations

import pytest

from quant.method.per_group import PerGroup


@pytest.mark.parametrize("resident", [True, False])
def test_what_groups_need_is_made_once_and_kept_where_memory_allows(resident: bool) -> None:
    kept: PerGroup[str] = PerGroup()
    asked: list[int] = []

    def ask(group: int) -> str:
        def make(old: str | None) -> str:
            assert old is None
            asked.append(group)
            return f"group {group}"

        return kept.of(group, make, resident=resident)

    assert [ask(group) for group in (0, 0, 1, 1, 0)] == [f"group {group}" for group in (0, 0, 1, 1, 0)]
    assert asked == ([0, 1] if resident else [0, 1, 0])
    assert len(kept) == (2 if resident else 1)


def test_another_version_renews_what_was_made_group_by_group() -> None:
    kept: PerGroup[list[int]] = PerGroup()

    def ask(group: int, version: int) -> list[int]:
        return kept.of(group, lambda old: [*(old or []), version], version=version)

    assert ask(0, 1) == ask(0, 1) == [1]
    assert ask(1, 1) == [1]
    assert ask(0, 2) == ask(0, 2) == [1, 2]
    assert ask(1, 3) == [1, 3]
    kept.clear()
    assert len(kept) == 0
    assert ask(0, 2) == [2]
