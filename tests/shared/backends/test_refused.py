"""A batch that is refused as a whole: what is found out of its ids, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backends.base import Answered
from shared.backends.refused import MOST_PARTS, SAMPLE, by_halves, by_sample
from shared.errors import KeysRejected, OutOfTime, QueryError, ReplyTooLarge, UnknownTask, UpstreamFailed


class Api:
    """Refuses a batch with an unknown id in it."""

    def __init__(self, known: Sequence[str], fails_after: int = 1000) -> None:
        self.known = set(known)
        self.asked: list[Sequence[str]] = []
        self._fails_after = fails_after

    def __call__(self, vids: Sequence[str]) -> Answered:
        self.asked.append(vids)
        if len(self.asked) > self._fails_after:
            raise OutOfTime("late")
        if not self.known.issuperset(vids):
            raise UnknownTask("unknown")
        return {vid: {"vid": vid} for vid in vids}


def ids(count: int) -> list[str]:
    return [f"id{number}" for number in range(count)]


@pytest.mark.parametrize("unknown", [0, 1, 49, 98, 99])
def test_one_unknown_id_among_a_hundred_hides_none_of_the_others(unknown: int) -> None:
    vids = ids(100)
    api = Api(vids[:unknown] + vids[unknown + 1 :])
    assert by_sample(vids, api).keys() == api.known
    assert len(api.asked) <= SAMPLE + 14


def test_three_unknown_ids_are_found() -> None:
    vids = ids(100)
    api = Api([vid for vid in vids if vid not in ("id3", "id50", "id77")])
    assert by_sample(vids, api).keys() == api.known


@given(st.integers(2, 100), st.data())
def test_every_answer_is_true_for_any_set_of_known_ids(count: int, data: st.DataObject) -> None:
    vids = ids(count)
    api = Api(data.draw(st.lists(st.sampled_from(vids), unique=True, min_size=count // 2, max_size=count - 1)))
    found = by_sample(vids, api)
    assert len(api.asked) <= SAMPLE + MOST_PARTS
    if any(vid in found for vid in api.known):
        assert api.known <= found.keys(), "known ids may have no answer, but are never left out"
    for vid, record in found.items():
        assert record == {"vid": vid} or isinstance(record, UpstreamFailed)


def test_ids_left_when_the_calls_run_out_are_unanswered_and_not_missing() -> None:
    vids = ids(100)
    api = Api(vids[::2] + vids[1::4])
    found = by_sample(vids, api)
    assert len(api.asked) == SAMPLE + MOST_PARTS
    assert api.known <= found.keys()
    assert any(isinstance(record, UpstreamFailed) for record in found.values())


def test_of_few_ids_each_is_asked_alone() -> None:
    api = Api(["id2"])
    assert by_sample(ids(SAMPLE), api) == {"id2": {"vid": "id2"}}
    assert len(api.asked) == SAMPLE


def test_a_batch_without_a_known_id_in_the_sample_counts_as_unknown() -> None:
    api = Api([])
    assert by_sample(ids(100), api) == {}
    assert len(api.asked) == SAMPLE


def test_another_error_ends_the_search_and_fails_only_the_ids_left() -> None:
    vids = ids(100)
    api = Api(vids[:-1], fails_after=SAMPLE + 1)
    found = by_sample(vids, api)
    assert len(api.asked) == SAMPLE + 2
    assert {type(record) for record in found.values()} == {dict, OutOfTime}
    assert found.keys() >= api.known


def test_an_error_before_any_id_is_known_fails_the_batch() -> None:
    def ask(vids: Sequence[str]) -> Answered:
        raise KeysRejected("no")

    with pytest.raises(KeysRejected):
        by_sample(ids(100), ask)


def test_a_reply_that_is_too_large_for_one_id_costs_that_id_only() -> None:
    def ask(vids: Sequence[str]) -> Answered:
        if "id1" in vids:
            raise ReplyTooLarge("large")
        return {vid: {"vid": vid} for vid in vids}

    found = by_halves(ids(4), ask)
    assert isinstance(found.pop("id1"), QueryError)
    assert found == {vid: {"vid": vid} for vid in ("id0", "id2", "id3")}
