"""What is remembered of a comparison of parts with a list."""

from __future__ import annotations

import pytest

from shared.collector.compared import Compared, compared, compared_in

LISTED = [f"id{number}" for number in range(100)]


@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 99, 100])
def test_what_was_found_of_a_version_is_remembered(number: int) -> None:
    kept = compared("v1", LISTED, set(LISTED[:number]))
    assert compared_in(kept._asdict()) == kept
    assert kept.ids("v1", LISTED) == set(LISTED[:number])
    assert kept.ids("v2", LISTED) == set()
    assert len(kept.found) <= len(LISTED) / 4 + 2


@pytest.mark.parametrize("kept", [None, 7, {}, {"version": "v1"}, {"version": "v1", "found": "x"}, {"found": 7}])
def test_what_is_no_such_thing_remembers_nothing(kept: object) -> None:
    assert compared_in(kept) == Compared()


def test_one_that_is_too_short_tells_of_what_it_has() -> None:
    assert Compared("v1", "01").ids("v1", LISTED) == {"id0"}
