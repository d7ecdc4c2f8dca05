"""A timer's work: a watch list in, one results object out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backends.api2 import MediaApi
from shared.backends.base import DAY, Work
from shared.collector.sweep import Summary, collect
from shared.errors import DamagedObject, KeysRejected, OutOfTime, UpstreamFailed
from shared.events.timer import Sweep
from shared.net.json_text import JsonObject
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.wire import Network, Turn, cos_error, network, said, settings, task

WATCH, RESULTS = "media-query/watch/video.json", "media-query/results/video.json"
RECOVERED, FOUND = "media-query/results/video.recovered.json", "media-query/results/video.found/"
DEAD: Turn = (500, {}, b"")


def sweep(
    net: Network, *vids: str, kind: Kind = VIDEO, limit_ms: float = 60_000, workers: int = 4, **env: str
) -> Summary:
    """Collect the given ids, or with none given those of the watch object."""
    invocation, found = net.invocation(limit_ms), settings(CONCURRENCY=str(workers), **env)
    asked = Sweep(vids or None, f"watch/{kind.name}.json", f"results/{kind.name}.json")
    return collect(Work(kind, found, MediaApi(found, invocation), invocation), asked)


def summary(**counts: int) -> dict[str, int]:
    return {"watched": 0, "succeeded": 0, "failed": 0, "pending": 0, "deleted": 0, "missing": 0, **counts}


def results(counts: Mapping[str, int], *records: JsonObject, action: str = "GetVpResult") -> dict[str, object]:
    return {
        "action": action,
        "updated_at": "2026-01-01T00:00:00Z",
        "summary": counts,
        "tasks": {str(record["vid"]): record for record in records},
    }


def test_every_state_is_counted(net: Network) -> None:
    tasks = {
        "done": task("done", 5, result=["文"]),
        "broken": task("broken", 4, error_code=7),
        "running": task("running", 3),
        "waiting": task("waiting", 1),
        "odd": task("odd", 9),
        "replaced": task("replaced", 5, deleted="yes"),
        "text": {**task("text"), "status": "5"},
    }
    net.media(tasks)
    cos = net.cos("GET", "PUT", objects={WATCH: [*tasks, "unknown"]})
    counts = summary(watched=8, succeeded=2, failed=1, pending=3, deleted=1, missing=1)
    assert sweep(net) == counts
    written = cos.json(RESULTS)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", written["updated_at"])
    missing = {"unknown": "2023-11-14T22:13:20Z"}
    state = written.pop("state")
    assert written == {**results(counts, *tasks.values()), "missing": missing, "updated_at": written["updated_at"]}
    assert list(written) == ["action", "updated_at", "summary", "missing", "tasks"]
    assert list(written["summary"]) == list(counts)
    note, last = cos.puts
    assert (note.startswith(FOUND), last) == (True, RESULTS)
    assert state["pending"] == ["running", "waiting", "odd", "unknown"]
    final = {vid: task for vid, task in tasks.items() if vid not in ("running", "waiting", "odd")}
    assert cos.json(note) == {"action": "GetVpResult", "tasks": final}, "final results are noted first"


def test_audio_has_objects_of_its_own(net: Network) -> None:
    media = net.media({"a": task("a")})
    cos = net.cos("GET", "PUT", objects={"media-query/watch/audio.json": {"vids": ["a", "b"]}})
    assert sweep(net, kind=AUDIO) == summary(watched=2, succeeded=1, missing=1)
    assert {call.params["Action"] for call in media.calls} == {"GetCtsaudioInfo"}
    assert cos.json("media-query/results/audio.json")["action"] == "GetCtsaudioInfo"


def test_given_ids_need_no_watch_object(net: Network) -> None:
    net.media({"a": task("a")})
    cos = net.cos("GET", "PUT")
    assert sweep(net, "a") == summary(watched=1, succeeded=1)
    assert not [request.url for request in cos.requests if "watch" in str(request.url)]
    assert cos.puts[-1] == RESULTS


def test_every_key_is_under_the_prefix(net: Network) -> None:
    net.media({"a": task("a")})
    cos = net.cos("GET", "PUT", objects={"state/watch/video.json": ["a"]})
    assert sweep(net, COS_PREFIX="state") == summary(watched=1, succeeded=1)
    assert all(key.startswith("state/results/video.") for key in cos.puts)
    assert cos.puts[-1] == "state/results/video.json"


def test_final_tasks_are_not_asked_again_and_old_results_are_kept(net: Network) -> None:
    final = [task("done"), task("broken", 4), task("replaced", 3, deleted="yes")]
    before = [*final, task("running", 3), task("unwatched", 3)]
    media = net.media({"running": task("running", 5), "new": task("new", 3)})
    watched = ["done", "broken", "replaced", "running", "new"]
    cos = net.cos("GET", "PUT", objects={WATCH: watched, RESULTS: results(summary(), *before)})
    counts = summary(watched=5, succeeded=2, failed=1, pending=1, deleted=1)
    assert sweep(net) == counts
    assert [call.asked for call in media.calls] == [["running", "new"]]
    kept = [*final, task("running", 5), task("unwatched", 3), task("new", 3)]
    assert cos.json(RESULTS)["tasks"] == results(counts, *kept)["tasks"]


@pytest.mark.parametrize("watched", [[], None], ids=["empty", "absent"])
def test_nothing_to_ask_and_nothing_to_write(net: Network, watched: object) -> None:
    net.cos("GET", objects={} if watched is None else {WATCH: watched})
    assert sweep(net) == summary()


@pytest.mark.parametrize(("watched", "counts"), [(["done"], summary(watched=1, succeeded=1)), ([], summary())])
def test_what_is_final_is_kept_and_counts_while_it_is_listed(
    net: Network, watched: list[str], counts: dict[str, int]
) -> None:
    stored = results(summary(watched=1, succeeded=1), task("done"))
    cos = net.cos("GET", "PUT", objects={RESULTS: stored, WATCH: watched})
    assert sweep(net) == sweep(net) == counts
    assert cos.json(RESULTS)["tasks"] == {"done": task("done")}
    assert len(cos.puts) <= 1, "the second sweep has nothing to write"


def test_the_same_again_is_neither_written_nor_read_again(net: Network) -> None:
    net.media({"a": task("a", 3)})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a", "unknown"]})
    assert sweep(net) == sweep(net) == summary(watched=2, pending=1, missing=1)
    assert cos.puts == [RESULTS]
    again = [request for request in cos.requests if str(request.url).endswith(WATCH)][-1]
    assert again.headers["If-None-Match"] == f'"{cos.json(RESULTS)["state"]["watch"]["etag"]}"'


@pytest.mark.parametrize("changed", [task("a", 5), task("a", 3, progress=1), {"vid": "a", "status": 3}])
def test_any_change_of_a_record_is_written(net: Network, changed: JsonObject) -> None:
    net.media({"a": changed})
    stored = results(summary(watched=1, pending=1), task("a", 3))
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"], RESULTS: stored})
    sweep(net)
    assert cos.json(RESULTS)["tasks"] == {"a": changed}


def test_an_id_that_is_no_longer_known_keeps_its_record(net: Network) -> None:
    net.media({})
    stored = results(summary(watched=1, pending=1), task("a", 3))
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"], RESULTS: stored})
    assert sweep(net) == summary(watched=1, pending=1)
    assert cos.json(RESULTS)["tasks"] == {"a": task("a", 3)}
    assert list(cos.json(RESULTS)["missing"]) == ["a"]


@pytest.mark.parametrize("known", [task("a", 3), None], ids=["once known", "never known"])
def test_an_id_that_is_not_known_for_days_is_final_as_missing(net: Network, known: JsonObject | None) -> None:
    media = net.media({} if known is None else {"a": known})
    net.cos("GET", "PUT", objects={WATCH: ["a"]})
    sweep(net, MISSING_DAYS="2")
    media.tasks = {}
    for _ in range(5):
        told = sweep(net, MISSING_DAYS="2")
        net.clock.now += DAY
    assert told == summary(watched=1, missing=1)
    assert len(media.calls) == 1 + 3, "asked at once and after one and two days, then never again"


def test_without_patience_an_unknown_id_is_final_at_once(net: Network) -> None:
    media = net.media({})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"]})
    for _ in range(2):
        assert sweep(net, MISSING_DAYS="0") == summary(watched=1, missing=1)
    assert len(media.calls) == 1
    assert cos.json(RESULTS)["missing"] == {"a": "2023-11-14T22:13:20Z"}


def test_an_id_that_becomes_known_is_missing_no_longer(net: Network) -> None:
    media = net.media({})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"]})
    sweep(net)
    media.tasks = {"a": task("a")}
    assert sweep(net) == summary(watched=1, succeeded=1)
    assert cos.json(RESULTS)["missing"] == {}


def test_failed_calls_keep_old_records_and_are_told(net: Network) -> None:
    net.media({"a": task("a"), "b": DEAD, "c": DEAD})
    stored = results(summary(), task("b", 3, progress=1))
    cos = net.cos("GET", "PUT", objects={WATCH: ["a", "b", "c"], RESULTS: stored})
    counts = summary(watched=3, succeeded=1, pending=2)
    assert sweep(net, BATCH_SIZE="1") == {**counts, "unanswered": 2}
    assert cos.json(RESULTS)["tasks"] == {"a": task("a"), "b": task("b", 3, progress=1)}
    assert cos.json(RESULTS)["summary"] == counts


@pytest.mark.parametrize(("turn", "error"), [(DEAD, UpstreamFailed), (said(code=4100), KeysRejected)])
def test_when_all_calls_fail_the_sweep_fails_and_no_record_changes(
    net: Network, turn: Turn, error: type[Exception]
) -> None:
    net.media({}, repeat(turn))
    cos = net.cos("GET", "PUT", objects={WATCH: ["a", "done"], RESULTS: results(summary(), task("done"))})
    with pytest.raises(error):
        sweep(net)
    assert (cos.json(RESULTS)["tasks"], cos.json(RESULTS)["missing"]) == ({"done": task("done")}, {})


def test_what_came_before_the_time_was_over_is_written(net: Network) -> None:
    net.media({"a": task("a"), "b": net.clock.hang})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a", "b"]})
    told = sweep(net, limit_ms=5_000, workers=1, BATCH_SIZE="1")
    assert told == {**summary(watched=2, succeeded=1, pending=1), "unanswered": 1}
    assert cos.json(RESULTS)["tasks"] == {"a": task("a")}
    assert cos.json(RESULTS)["state"]["pending"] == ["b"]


#: What is no watch object.
NO_LISTS = [b"", b'["a"', b"\xff", "text", 7, None, {}, {"vids": None}, {"vids": "a"}, {"vids": {"a": 1}}]


@pytest.mark.parametrize("damaged", NO_LISTS, ids=str)
def test_a_damaged_watch_object_is_told_and_left_alone(net: Network, damaged: object) -> None:
    cos = net.cos("GET", objects={WATCH: damaged})
    before = dict(cos.objects)
    assert sweep(net) == {**summary(), "damaged": ["watch/video.json"]}
    assert cos.objects == before


def test_beside_a_damaged_watch_object_the_added_ids_count(net: Network) -> None:
    net.media({"a": task("a")})
    net.cos("GET", "PUT", objects={WATCH: b"{", "media-query/watch/video.added/n.json": {"vids": ["a"]}})
    assert sweep(net) == {**summary(watched=1, succeeded=1), "damaged": ["watch/video.json"]}


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b'["a"',
        "text",
        ["a"],
        {},
        results(summary(), action="GetCtsaudioInfo"),
        {"action": "GetVpResult"},
        {"action": "GetVpResult", "tasks": []},
        {"action": "GetVpResult", "tasks": {"a": task("a"), "b": None}},
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_damaged_results_object_is_told_and_left_alone(net: Network, damaged: object) -> None:
    net.media({"a": task("a"), "b": task("b", 3)})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a", "b"], RESULTS: damaged})
    before = cos.objects[RESULTS]
    told = {**summary(watched=2, succeeded=1, pending=1), "damaged": ["results/video.json"]}
    assert sweep(net) == sweep(net) == told, "the next sweep goes on where this one ended"
    assert cos.objects[RESULTS] == before
    assert cos.json(RECOVERED)["tasks"] == {"a": task("a"), "b": task("b", 3)}
    assert [key for key in cos.puts if "/results/" in key and "found" not in key] == [RECOVERED]


def test_when_both_results_objects_are_damaged_nothing_is_asked_or_written(net: Network) -> None:
    net.cos("GET", objects={WATCH: ["a"], RESULTS: b"{", RECOVERED: b"{"})
    with pytest.raises(DamagedObject, match=r"results/video\.recovered\.json"):
        sweep(net)


def test_what_is_no_id_is_named_and_never_sent(net: Network) -> None:
    media = net.media({"a": task("a")})
    strange = ["../b", "", 7, None, ["a"], {"vid": "a"}, "x" * 65, " a", "文\ud800"]
    net.cos("GET", "PUT", objects={WATCH: ["a", *strange, "a"]})
    told = sweep(net)
    named = ['"../b"', '""', "7", "null", '["a"]', '{"vid":"a"}', '"' + "x" * 63, '" a"', '"文\\ud800"']
    assert told == {**summary(watched=1, succeeded=1), "invalid": named}
    assert [call.asked for call in media.calls] == [["a"]]
    json.dumps(told)


def test_no_more_than_twenty_are_named(net: Network) -> None:
    net.cos("GET", objects={WATCH: list(range(50))})
    assert sweep(net) == {**summary(), "invalid": [str(number) for number in range(20)]}


@pytest.mark.parametrize("methods", [("GET",), ("GET", "PUT")])
def test_a_cos_that_refuses_is_told(net: Network, methods: tuple[str, ...]) -> None:
    refusal = cos_error(403, "AccessDenied")
    if "PUT" in methods:
        net.media({"a": task("a")})
    cos = net.cos(*methods, objects={WATCH: ["a"]})
    answer = cos.answer
    cos.answer = lambda request: refusal if request.method == methods[-1] else answer(request)  # type: ignore[method-assign]
    with pytest.raises(KeysRejected):
        sweep(net)


def test_a_hung_cos_leaves_nothing_behind(net: Network) -> None:
    net.cos("GET", script=repeat(net.clock.hang))
    with pytest.raises(OutOfTime):
        sweep(net)


STATUSES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([1, 3, 4, 5, None, 99]), max_size=8)


@given(before=STATUSES, now=STATUSES, failing=st.sets(st.sampled_from("abcdefgh"), max_size=3))
def test_no_result_is_ever_lost(before: dict[str, int | None], now: dict[str, int | None], failing: set[str]) -> None:
    with network() as net:
        old: dict[str, JsonObject] = {vid: {"vid": vid, "status": status} for vid, status in before.items()}
        new: dict[str, JsonObject | Turn] = {vid: {"vid": vid, "status": status} for vid, status in now.items()}
        cos = net.cos("GET", "PUT", objects={WATCH: list("abcdefghi"), RESULTS: results(summary(), *old.values())})
        net.media({**new, **dict.fromkeys(failing, DEAD)})
        told = sweep(net, BATCH_SIZE="1")  # "i" is never known and always answered
        final = {vid for vid, status in before.items() if status in (4, 5)}
        expected = {**old, **{vid: record for vid, record in new.items() if vid not in final | failing}}
        assert cos.json(RESULTS)["tasks"] == expected
        assert told["watched"] == 9
        assert sum(int(str(told[state])) for state in summary() if state != "watched") == 9


def test_an_id_that_is_refused_for_what_it_is_does_not_fail_the_sweep(net: Network) -> None:
    net.media({}, repeat(said(code=4000)))
    net.cos("GET", "PUT", objects={WATCH: ["odd"]})
    assert sweep(net) == {**summary(watched=1, pending=1), "unanswered": 1}


def test_what_a_killed_sweep_has_noted_is_merged_though_nothing_is_watched_any_more(net: Network) -> None:
    note = {"action": "GetVpResult", "tasks": {"a": task("a")}}
    name = f"{FOUND}20260101T000000Z-unit-00000000.json"
    cos = net.cos("GET", "PUT", objects={WATCH: [], name: note})
    assert sweep(net) == summary()
    assert cos.json(RESULTS)["tasks"] == {"a": task("a")}
