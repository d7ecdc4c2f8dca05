"""What becomes of a task, over every status that a record may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tasks import AUDIO, DELETED, FAILED, PENDING, SUCCEEDED, VIDEO, Status, is_final, state

STATES = {
    1: PENDING,
    2: PENDING,
    3: PENDING,
    4: FAILED,
    5: SUCCEEDED,
    0: PENDING,
    6: PENDING,
    -5: PENDING,
    45: PENDING,
    "3": PENDING,
    "4": FAILED,
    "5": SUCCEEDED,
    "": PENDING,
    "success": PENDING,
    None: PENDING,
}


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize("deleted", ["no", None, "", True, "YES"])
def test_state_by_status(status: object, deleted: object) -> None:
    record = {"status": status, "deleted": deleted}
    assert state(record) == STATES[status]
    assert is_final(record) == (STATES[status] != PENDING)


@pytest.mark.parametrize("status", STATES)
def test_a_deleted_task_is_final_whatever_its_status(status: object) -> None:
    record = {"status": status, "deleted": "yes"}
    assert state(record) == DELETED
    assert is_final(record)


@pytest.mark.parametrize("record", [{}, {"vid": "a"}, {"deleted": "no"}])
def test_a_record_without_status_is_pending(record: dict[str, object]) -> None:
    assert state(record) == PENDING
    assert not is_final(record)


json_values = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists)


@given(st.fixed_dictionaries({}, optional={"status": json_values, "deleted": json_values}))
def test_any_record_has_a_state(record: dict[str, object]) -> None:
    assert state(record) in {PENDING, SUCCEEDED, FAILED, DELETED}
    assert is_final(record) == (state(record) != PENDING)


def test_the_documents_statuses() -> None:
    names = {1: "WAITING", 2: "INFO_OBTAINED", 3: "PROCESSING", 4: "FAILED", 5: "SUCCEEDED"}
    assert {int(status): status.name for status in Status} == names


def test_the_two_kinds() -> None:
    assert VIDEO == ("video", "query-video", "GetVpResult")
    assert AUDIO == ("audio", "query-audio", "GetCtsaudioInfo")
