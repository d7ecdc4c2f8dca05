"""The two actions: parameters and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.keys import ROLE
from local.media.service import WINDOW, MediaService
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, VIDEO_SUCCEEDS, documented
from local.server import Request
from shared.signing.credentials import Credentials
from tests.support.clock import Clock
from tests.support.media import (
    ALL_WAYS,
    AUDIO,
    NOW,
    OTHER_VIDEO,
    VIDEO,
    answer,
    changed,
    code,
    official,
    signed,
)


@pytest.mark.parametrize(("method", "signature_method"), ALL_WAYS)
def test_the_replies_are_those_of_the_documents(service: MediaService, method: str, signature_method: str) -> None:
    client = official(method, signature_method)
    video = service.handle(signed(client, VIDEO_ACTION, vids=[VIDEO]))
    audio = service.handle(signed(client, AUDIO_ACTION, vid=AUDIO))
    assert json.dumps(answer(video)) == json.dumps(documented(VIDEO_ACTION))
    assert json.dumps(answer(audio)) == json.dumps(documented(AUDIO_ACTION))
    assert service.calls == {VIDEO_ACTION: 1, AUDIO_ACTION: 1}


def test_videos_come_in_the_order_of_their_numbers_and_unknown_ones_are_left_out(service: MediaService) -> None:
    vids = ["nobody"] * 12
    vids[2], vids[10], vids[11] = OTHER_VIDEO, VIDEO, OTHER_VIDEO
    data = answer(service.handle(signed(official(), VIDEO_ACTION, vids=vids)))["data"]
    assert [record["vid"] for record in data] == [OTHER_VIDEO, VIDEO, OTHER_VIDEO]


def test_a_single_video_needs_no_number(service: MediaService) -> None:
    data = answer(service.handle(signed(official(), VIDEO_ACTION, vids=VIDEO)))["data"]
    assert [record["vid"] for record in data] == [VIDEO]


def test_no_known_video_is_an_empty_success(service: MediaService) -> None:
    envelope = answer(service.handle(signed(official(), VIDEO_ACTION, vids=["nobody", AUDIO])))
    assert envelope == {"code": 0, "message": "", "codeDesc": "Success", "data": []}


@pytest.mark.parametrize("params", [{}, {"vids": ["", ""]}, {"vid": VIDEO}, {"vids.x": VIDEO}, {"vids.0.0": VIDEO}])
def test_videos_need_an_id(service: MediaService, params: dict[str, Any]) -> None:
    reply = service.handle(signed(official(), VIDEO_ACTION, **params))
    assert code(reply) == 4000
    assert "vids" in answer(reply)["message"]


@pytest.mark.parametrize("params", [{}, {"vid": ""}, {"vids": [AUDIO]}])
def test_audio_needs_an_id(service: MediaService, params: dict[str, Any]) -> None:
    reply = service.handle(signed(official(), AUDIO_ACTION, **params))
    assert code(reply) == 4000
    assert "parameter vid " in answer(reply)["message"]


def test_unknown_audio_does_not_exist(service: MediaService) -> None:
    assert code(service.handle(signed(official(), AUDIO_ACTION, vid=VIDEO))) == 5000


def test_an_unknown_action_is_a_wrong_parameter(service: MediaService) -> None:
    reply = service.handle(signed(official(), "GetCtsInfo", vid=VIDEO))
    assert code(reply) == 4000
    assert "GetCtsInfo" in answer(reply)["message"]


def test_tasks_move_with_the_clock(service: MediaService, clock: Clock) -> None:
    statuses = []
    for _ in range(2):
        request = signed(official(), VIDEO_ACTION, vids=[VIDEO_SUCCEEDS], Timestamp=int(clock.now))
        statuses.append(answer(service.handle(request))["data"][0]["status"])
        clock.now += 60
    assert statuses == [3, 5]


def test_text_beyond_ascii_is_signed_raw_and_answered_escaped(service: MediaService) -> None:
    reply = service.handle(signed(official("POST"), AUDIO_ACTION, vid="音 乐+&=%"))
    assert code(reply) == 5000
    assert answer(reply)["message"].endswith("音 乐+&=%")
    assert reply.body.isascii()


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", ["Action", "SecretId", "Timestamp", "Nonce", "Signature"])
def test_each_common_parameter_is_needed(service: MediaService, name: str, value: str | None) -> None:
    reply = service.handle(changed(signed(official(), AUDIO_ACTION, vid=AUDIO), **{name: value}))
    assert code(reply) == 4000
    assert f"parameter {name} is missing" in answer(reply)["message"]


@pytest.mark.parametrize("name", ["Timestamp", "Nonce"])
@pytest.mark.parametrize("value", ["x", "-1", "1.5", " 1", "\u0661", "1" * 21, "1" * 5000])
def test_numbers_must_be_integers(service: MediaService, name: str, value: str) -> None:
    numbers: dict[str, Any] = {name: value}
    reply = service.handle(signed(official(), AUDIO_ACTION, vid=AUDIO, **numbers))
    assert code(reply) == 4000
    assert f"parameter {name} must be an integer" in answer(reply)["message"]


def test_a_nonce_must_be_positive(service: MediaService) -> None:
    reply = service.handle(signed(official(), AUDIO_ACTION, vid=AUDIO, Nonce=0))
    assert (code(reply), answer(reply)["message"]) == (4000, "parameter Nonce must be positive")


def test_of_several_errors_the_first_one_checked_is_reported(service: MediaService, clock: Clock) -> None:
    def told(request: Request) -> int:
        return code(service.handle(request))

    nobody = Credentials("AKIDNOBODY", "x", "y")
    forger = ROLE._replace(secret_key="x")
    old = NOW - WINDOW - 1
    assert told(signed(official(keys=nobody), "Nope", Timestamp="x")) == 4000
    assert told(signed(official(keys=nobody), "Nope", Timestamp=old)) == 4104
    assert told(signed(official(keys=forger._replace(token="x")), "Nope", Timestamp=old)) == 4105
    assert told(signed(official(keys=forger), "Nope", Timestamp=old)) == 4100
    assert told(signed(official(keys=ROLE), "Nope", Timestamp=old)) == 4200
    assert told(signed(official(keys=ROLE), "Nope", Nonce=5)) == 4000
    assert told(signed(official(keys=ROLE), "Nope", Nonce=5)) == 4500


def test_refused_requests_are_counted_too(service: MediaService) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO)
    for one in (
        request,
        request,
        changed(request, Action=None),
        changed(request, Action=""),
        changed(request, Action="Nope"),
    ):
        service.handle(one)
    assert service.calls == {AUDIO_ACTION: 2, "Nope": 1}
