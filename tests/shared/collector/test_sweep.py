"""A timer's work: a watch list in, its results out."""

from __future__ import annotations

import re
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import KeysRejected, OutOfTime, UpstreamFailed
from shared.net.json_text import JsonObject
from shared.tasks import AUDIO
from tests.support.sweeps import DEAD, FOUND, RESULTS, WATCH, results, summary, sweep
from tests.support.wire import Network, Turn, cos_error, network, said, task


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
def test_a_final_record_stays_and_counts_while_it_is_listed(
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


def test_failed_calls_keep_old_records_and_count_as_unanswered(net: Network) -> None:
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


def test_answers_before_the_deadline_are_written(net: Network) -> None:
    net.media({"a": task("a"), "b": net.clock.hang})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a", "b"]})
    told = sweep(net, limit_ms=5_000, workers=1, BATCH_SIZE="1")
    assert told == {**summary(watched=2, succeeded=1, pending=1), "unanswered": 1}
    assert cos.json(RESULTS)["tasks"] == {"a": task("a")}
    assert cos.json(RESULTS)["state"]["pending"] == ["b"]


@pytest.mark.parametrize("methods", [("GET",), ("GET", "PUT")])
def test_a_refusal_of_cos_fails_the_sweep(
    net: Network, monkeypatch: pytest.MonkeyPatch, methods: tuple[str, ...]
) -> None:
    refusal = cos_error(403, "AccessDenied")
    if "PUT" in methods:
        net.media({"a": task("a")})
    cos = net.cos(*methods, objects={WATCH: ["a"]})
    answer = cos.answer
    monkeypatch.setattr(cos, "answer", lambda request: refusal if request.method == methods[-1] else answer(request))
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


def test_an_id_that_the_api_refuses_does_not_fail_the_sweep(net: Network) -> None:
    net.media({}, repeat(said(code=4000)))
    net.cos("GET", "PUT", objects={WATCH: ["odd"]})
    assert sweep(net) == {**summary(watched=1, pending=1), "unanswered": 1}


def test_the_notes_of_a_killed_sweep_are_merged_with_an_empty_watch_list(net: Network) -> None:
    note = {"action": "GetVpResult", "tasks": {"a": task("a")}}
    name = f"{FOUND}20260101T000000Z-unit-00000000.json"
    cos = net.cos("GET", "PUT", objects={WATCH: [], name: note})
    assert sweep(net) == summary()
    assert cos.json(RESULTS)["tasks"] == {"a": task("a")}
