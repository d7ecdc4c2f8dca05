"""The two actions on the wire. The stub refuses whatever the official client would not have signed."""

from __future__ import annotations

import json
import math
import random
from itertools import repeat
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from shared.backends.api2 import MediaApi
from shared.errors import BadInput, OutOfTime, ReplyTooLarge, UpstreamFailed
from shared.invocation import Deadline
from shared.net.client import ATTEMPTS
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.api2 import GOOD, VIDS, ask, body
from tests.support.limits import watched
from tests.support.wire import NOW, SECRET_ID, TOKEN, Network, documented, network, said, settings, task

#: JSON as an API can send it.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_parameters_are_those_of_the_document_and_the_settings(net: Network) -> None:
    media = net.media({}, [GOOD])
    ask(net, MEDIA_API_PARAMS="Uin=2418826573&AppId=1253125191&Note=a_b%20%26%2B", MEDIA_API_REGION="sh")
    sent = media.calls[0].params
    assert int(sent.pop("Nonce")) > 0
    assert len(sent.pop("Signature")) == 28  # verified by the stub
    assert sent == {
        "Action": "GetVpResult",
        "AppId": "1253125191",
        "Note": "a_b &+",
        "Region": "sh",
        "SecretId": SECRET_ID,
        "SignatureMethod": "HmacSHA1",
        "Timestamp": str(NOW),
        "Token": TOKEN,
        "Uin": "2418826573",
        "vids.0": "a",
        "vids.1": "b",
    }


def test_signatures_may_be_sha256_and_permanent_keys_have_no_token(net: Network) -> None:
    media = net.media({}, [GOOD])
    assert ask(net, SIGNATURE_METHOD="HmacSHA256", TENCENTCLOUD_SESSIONTOKEN="").keys() == {"a", "b"}
    assert "Token" not in media.calls[0].params
    assert len(media.calls[0].params["Signature"]) == 44


def test_a_large_batch_goes_in_one_post(net: Network) -> None:
    vids = [f"{number:064}" for number in range(1000)]
    media = net.media({vid: task(vid) for vid in vids})
    assert ask(net, vids=vids).keys() == set(vids)
    assert [call.asked for call in media.calls] == [vids]


def test_audio_is_asked_one_id_a_call(net: Network) -> None:
    api = MediaApi(settings(BATCH_SIZE="7"), net.invocation())
    assert (api.batch_size(VIDEO), api.batch_size(AUDIO)) == (7, 1)
    example = documented("GetCtsaudioInfo")["data"]
    media = net.media({example["vid"]: example})
    assert ask(net, AUDIO, [example["vid"]]) == {example["vid"]: example}
    assert media.calls[0].params["vid"] == example["vid"]
    assert media.calls[0].params["Action"] == "GetCtsaudioInfo"


@given(
    fields=st.lists(st.dictionaries(st.text(), JSON, max_size=4), min_size=1, max_size=5),
    shuffle=st.randoms(use_true_random=False),
)
def test_records_come_back_unchanged_whatever_their_order(
    fields: list[dict[str, object]], shuffle: random.Random
) -> None:
    records = [{**extra, "vid": f"id{number}"} for number, extra in enumerate(fields)]
    mixed = records.copy()
    shuffle.shuffle(mixed)
    with network() as net:
        net.media({}, [said(mixed)])
        found: Any = ask(net, vids=[str(record["vid"]) for record in records])
        assert found == {record["vid"]: record for record in records}
        assert [list(found[str(record["vid"])]) for record in records] == [list(record) for record in records]


@pytest.mark.parametrize(
    ("kind", "data", "known"),
    [
        (VIDEO, None, []),
        (VIDEO, [], []),
        (VIDEO, [task("b")], ["b"]),
        (VIDEO, [{"status": 5}, task("a")], ["a"]),
        (VIDEO, [{"vid": 7}, {"vid": None}, {"vid": ["a"]}, {"vid": {}}, task("b")], ["b"]),
        (VIDEO, [task("stranger"), task("a")], ["a"]),
        (AUDIO, None, []),
        (AUDIO, {}, []),
        (AUDIO, [], []),
        (AUDIO, task("a"), ["a"]),
    ],
)
def test_records_in_data(net: Network, kind: Kind, data: object, known: list[str]) -> None:
    net.media({}, [said(data)])
    assert list(ask(net, kind, VIDS if kind == VIDEO else ["a"])) == known


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (VIDEO, {"a": {}}),
        (VIDEO, "a"),
        (VIDEO, [task("a"), "b"]),
        (AUDIO, [task("a")]),
        (AUDIO, "a"),
        (AUDIO, task("b")),
        (AUDIO, {"status": 5}),
        (AUDIO, {"vid": ["a"]}),
    ],
)
def test_data_of_another_type_is_the_upstreams_failure(net: Network, kind: Kind, data: object) -> None:
    media = net.media({}, [said(data)])
    with pytest.raises(UpstreamFailed):
        ask(net, kind, ["a"])
    assert len(media.calls) == 1


@pytest.mark.parametrize("data", [None, {}, {"vid": "x"}, [1], "text"])
def test_a_query_without_an_id_is_forwarded_and_so_is_its_answer(net: Network, data: object) -> None:
    media = net.media({}, [said(data)])
    assert ask(net, AUDIO, []) == {"": data}
    assert media.calls[0].asked == []


@pytest.mark.parametrize("kind", [VIDEO, AUDIO])
def test_unknown_ids_are_left_out_without_an_error(net: Network, kind: Kind) -> None:
    net.media({}, [said(code=5000)])
    assert ask(net, kind, ["a"]) == {}


@pytest.mark.parametrize("limit_ms", [50, 300, 3_000, 60_000])
def test_a_dead_upstream_has_failed(net: Network, limit_ms: int) -> None:
    media = net.media({}, repeat(requests.ConnectionError("10.0.0.1:443")))
    with pytest.raises(UpstreamFailed) as caught:
        ask(net, limit_ms=limit_ms)
    assert caught.value.http_status == 502
    assert 1 <= len(media.calls) <= ATTEMPTS
    assert net.clock.now < net.invocation(limit_ms).deadline.remaining()


@pytest.mark.parametrize("limit_ms", [50, 300, 3_000, 60_000])
def test_a_hung_upstream_is_out_of_time(net: Network, limit_ms: int) -> None:
    media, end = net.media({}, repeat(net.clock.hang)), net.invocation(limit_ms).deadline.remaining()
    with pytest.raises(OutOfTime) as caught:
        ask(net, limit_ms=limit_ms)
    assert caught.value.http_status == 504
    assert all(call.at < end for call in media.calls)
    assert net.clock.now <= end or math.isclose(net.clock.now, end)


def test_a_hung_attempt_leaves_time_for_another(net: Network) -> None:
    net.media({}, [net.clock.hang, GOOD])
    assert list(ask(net, limit_ms=30_000)) == VIDS


@pytest.mark.parametrize(("count", "most"), [(1, 540_672), (100, 2_162_688), (900, 3_000_000)])
def test_the_size_of_a_reply_is_bounded_by_the_number_of_ids(net: Network, count: int, most: int) -> None:
    """Of a list of `{}` three million bytes take 72 MB to parse, 31 million took 821."""
    vids = [f"id{number}" for number in range(count)]
    fits = b'{"code": 0, "data": []}'.ljust(most)
    media = net.media({}, [body(fits), body(fits + b" ")])
    assert ask(net, vids=vids) == {}
    assert len(media.calls) == 1
    if count == 1:
        with pytest.raises(ReplyTooLarge):
            ask(net, vids=vids)
    else:
        ask(net, vids=vids)
        assert [len(call.asked) for call in media.calls[1:]] == [count, count // 2, count // 2]


def test_a_batch_whose_reply_is_too_large_is_asked_by_halves(net: Network) -> None:
    large = {vid: task(vid, text="a" * 300_000) for vid in "abcd"}
    media = net.media(large)
    assert ask(net, vids=list(large)) == large
    assert ["".join(call.asked) for call in media.calls] == ["abcd", "ab", "cd", "a", "b", "c", "d"]


def test_without_time_nothing_is_sent(net: Network) -> None:
    with pytest.raises(OutOfTime):
        MediaApi(settings(), net.invocation()).records(VIDEO, VIDS, Deadline(net.clock.now, net.clock))


def test_each_attempt_holds_a_place_of_the_limiter_and_shows_it_a_throttled_call(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("shared.backends.api2.Limiter", watched(seen))
    net.media({}, [said(code=4400), GOOD])
    assert ask(net) == {"a": task("a"), "b": task("b")}
    assert seen == ["throttled", "answered"]


def test_calls_and_retries_are_counted(net: Network, capsys: pytest.CaptureFixture[str]) -> None:
    net.media({}, [said(code=6000), GOOD])
    invocation = net.invocation()
    MediaApi(settings(), invocation).records(VIDEO, VIDS, invocation.deadline)
    invocation.log()
    line = json.loads(capsys.readouterr().out)
    assert (line["calls"], line["retries"]) == (2, 1)


def test_records_of_a_batch_that_succeeded_in_part_are_kept(net: Network) -> None:
    status, headers, text = GOOD
    partly = {**json.loads(text), "code": 5400, "data": [task("a")]}
    net.media({}, [(status, headers, json.dumps(partly))])
    found = ask(net)
    assert found["a"] == task("a")
    assert isinstance(found["b"], UpstreamFailed)


def test_an_infinite_number_is_refused(net: Network) -> None:
    media = net.media({}, [body('{"code": 0, "data": [{"vid": "a", "size": 1e999}]}'), GOOD])
    assert ask(net) == {"a": task("a"), "b": task("b")}
    assert len(media.calls) == 2


def test_a_refused_batch_of_a_hundred_unknown_ids_costs_a_few_calls(net: Network) -> None:
    media = net.media({}, repeat(said(code=5000)))
    assert ask(net, vids=[f"id{number}" for number in range(100)]) == {}
    assert len(media.calls) == 9


def test_the_message_of_the_api_never_reaches_a_caller(net: Network) -> None:
    words = "secret key of account 100012345678 is wrong"
    net.media({}, [body(json.dumps({"code": 4000, "message": words}))])
    with pytest.raises(BadInput) as caught:
        ask(net)
    assert caught.value.message == "vid, vids: the media API refuses a parameter"
