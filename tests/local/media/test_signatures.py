"""Signatures, hosts, times and nonces of API 2.0."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from QcloudApi.modules.cdn import Cdn

from local.keys import PERMANENT, ROLE
from local.media.service import REAL_HOSTS, WINDOW, MediaService
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, MediaTasks, documented
from local.server import Request
from shared.signing.credentials import Credentials
from tests.support.clock import Clock
from tests.support.media import (
    AUDIO,
    FORM,
    HOST,
    NOW,
    OTHER_VIDEO,
    VIDEO,
    answer,
    changed,
    code,
    official,
    resigned,
    signed,
)


def test_role_keys_work_with_their_token(service: MediaService) -> None:
    assert answer(service.handle(signed(official(keys=ROLE), AUDIO_ACTION, vid=AUDIO)))["code"] == 0


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(ROLE._replace(token=""), id="missing"),
        pytest.param(ROLE._replace(token="local-role-tokem"), id="wrong"),
        pytest.param(ROLE._replace(token="ключ"), id="not ASCII"),
        pytest.param(PERMANENT._replace(token=ROLE.token), id="not wanted"),
    ],
)
def test_a_token_belongs_to_its_keys(service: MediaService, keys: Credentials) -> None:
    assert code(service.handle(signed(official(keys=keys), AUDIO_ACTION, vid=AUDIO))) == 4105


@pytest.mark.parametrize("nothing", ["", "undefined"])
def test_an_empty_token_is_none_and_so_is_that_of_the_node_client(service: MediaService, nothing: str) -> None:
    assert answer(service.handle(signed(official(), AUDIO_ACTION, vid=AUDIO, Token=nothing)))["code"] == 0
    role = official(keys=ROLE._replace(token=nothing))
    assert code(service.handle(signed(role, AUDIO_ACTION, vid=AUDIO))) == 4105


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (PERMANENT._replace(secret_id="AKIDNOBODY"), 4104),
        (PERMANENT._replace(secret_key="not-the-key"), 4100),
        (PERMANENT._replace(secret_key=ROLE.secret_key), 4100),
    ],
)
def test_wrong_keys_are_refused(service: MediaService, keys: Credentials, expected: int) -> None:
    assert code(service.handle(signed(official(keys=keys), AUDIO_ACTION, vid=AUDIO))) == expected


@pytest.mark.parametrize("signature", ["x", "é", "p3n+pxBqF5JGZtDSxoVn5tGngf0="])
def test_another_signature_is_refused(service: MediaService, signature: str) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO)
    assert code(service.handle(changed(request, Signature=signature))) == 4100


@pytest.mark.parametrize(
    ("claimed", "used", "expected"),
    [("hmacsha256", "HmacSHA256", 4100), ("hmacsha256", "HmacSHA1", 0), ("HmacSHA256", "HmacSHA1", 4100)],
)
def test_only_the_exact_name_selects_sha256(service: MediaService, claimed: str, used: str, expected: int) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO, SignatureMethod=claimed)
    assert answer(service.handle(resigned(request, used)))["code"] == expected


def test_without_a_signature_method_it_is_sha1(service: MediaService) -> None:
    request = changed(signed(official(), AUDIO_ACTION, vid=AUDIO), SignatureMethod=None)
    assert answer(service.handle(resigned(request, "HmacSHA1")))["code"] == 0


# Which host


@pytest.mark.parametrize("host", ["127.0.0.1:9001", "127.1.2.3", "localhost:80", "[::1]:9001"])
def test_on_loopback_the_real_hosts_can_be_signed(service: MediaService, host: str) -> None:
    for name in (host, *REAL_HOSTS):
        assert answer(service.handle(signed(official(endpoint=name), AUDIO_ACTION, host, vid=AUDIO)))["code"] == 0
    other = signed(official(endpoint="cvm.api.qcloud.com"), AUDIO_ACTION, host, vid=AUDIO)
    assert code(service.handle(other)) == 4100


def test_elsewhere_only_the_host_that_was_asked(service: MediaService) -> None:
    for host in (REAL_HOSTS[0], "127.0.0.1.example.com", "media.example.com"):
        assert code(service.handle(signed(official(endpoint=HOST), AUDIO_ACTION, host, vid=AUDIO))) == 4100
    request = signed(official(endpoint="media.example.com"), AUDIO_ACTION, vid=AUDIO)
    assert answer(service.handle(request))["code"] == 0


def test_no_host_is_refused(service: MediaService) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO)
    assert code(service.handle(request._replace(headers={}))) == 4100


def test_the_cdn_module_of_the_official_client_is_understood(service: MediaService) -> None:
    client = Cdn({"secretId": PERMANENT.secret_id, "secretKey": PERMANENT.secret_key})
    request = signed(client, VIDEO_ACTION, "127.0.0.1:9001", vids=[VIDEO])
    assert answer(service.handle(request)) == documented(VIDEO_ACTION)


# Every signed character


@given(data=st.data(), method=st.sampled_from(["GET", "POST"]))
def test_any_change_of_a_signed_character_is_refused(data: st.DataObject, method: str) -> None:
    service = MediaService(MediaTasks(lambda: NOW), lambda: NOW)
    request = signed(official(method), VIDEO_ACTION, vids=[VIDEO, OTHER_VIDEO], Nonce=4711)
    form = request.query or request.body.decode()
    pairs = [pair for pair in parse_qsl(form) if pair[0] != "Signature"]
    signature = dict(parse_qsl(form))["Signature"]
    # A key's id that changes is another key, and 4104; without the common names the request is no request, and 4000.
    common = ("Action", "Nonce", "SecretId", "Timestamp")
    places = [(i, 1, k) for i, (name, value) in enumerate(pairs) if name != "SecretId" for k in range(len(value))]
    places += [(i, 0, k) for i, (name, _) in enumerate(pairs) if name not in common for k in range(len(name))]
    index, part, position = data.draw(st.sampled_from(places))
    old = pairs[index][part]
    # In names `_` and `.` sign alike, and in a number only digits get as far as the signature.
    number = part == 1 and pairs[index][0] in ("Nonce", "Timestamp")
    letters = st.sampled_from("0123456789") if number else st.characters(exclude_categories=["Cs"])
    letter = data.draw(letters.filter(lambda one: one != old[position] and (part == 1 or one not in "._")))
    pair = list(pairs[index])
    pair[part] = old[:position] + letter + old[position + 1 :]
    pairs[index] = (pair[0], pair[1])
    tampered = urlencode([*pairs, ("Signature", signature)])
    spoiled = request._replace(query=tampered) if method == "GET" else request._replace(body=tampered.encode())
    assert code(service.handle(spoiled)) == 4100
    assert answer(service.handle(request))["code"] == 0, "a refused request must not use up the nonce"


def test_the_method_is_signed(service: MediaService) -> None:
    request = signed(official("GET"), AUDIO_ACTION, vid=AUDIO)
    headers = {**request.headers, "content-type": FORM}
    assert code(service.handle(Request("POST", request.path, "", headers, request.query.encode()))) == 4100


# When, and how often


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(-WINDOW, 0), (WINDOW, 0), (-WINDOW - 1, 4200), (WINDOW + 1, 4200), (-NOW, 4200), (10**19, 4200)],
)
def test_a_request_holds_for_a_while_only(service: MediaService, offset: int, expected: int) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO, Timestamp=NOW + offset)
    assert answer(service.handle(request))["code"] == expected


def test_a_request_can_not_be_replayed_while_it_holds(service: MediaService, clock: Clock) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO, Timestamp=NOW + WINDOW)
    assert answer(service.handle(request))["code"] == 0
    assert code(service.handle(request)) == 4500
    clock.now += 2 * WINDOW
    assert code(service.handle(request)) == 4500
    clock.now += 1
    assert code(service.handle(request)) == 4200


def test_a_nonce_counts_by_key_as_a_number_and_for_a_window(service: MediaService, clock: Clock) -> None:
    def ask(keys: Credentials, **params: Any) -> int:
        return int(answer(service.handle(signed(official(keys=keys), AUDIO_ACTION, vid=AUDIO, **params)))["code"])

    assert ask(PERMANENT, Nonce=7, Timestamp=NOW - WINDOW) == 0
    assert ask(ROLE, Nonce=7) == 0
    assert ask(PERMANENT, Nonce="007") == 4500
    clock.now += WINDOW
    assert ask(PERMANENT, Nonce=7) == 4500
    clock.now += 1
    assert ask(PERMANENT, Nonce=7, Timestamp=int(clock.now)) == 0


def test_a_nonce_is_used_up_by_a_signed_request_only(service: MediaService) -> None:
    request = signed(official(), AUDIO_ACTION, vid="nobody")
    assert code(service.handle(changed(request, vid=AUDIO))) == 4100
    assert code(service.handle(request)) == 5000
    assert code(service.handle(request)) == 4500


def test_nonces_are_forgotten_after_the_window(service: MediaService, clock: Clock) -> None:
    for _ in range(5):
        service.handle(signed(official(), AUDIO_ACTION, vid=AUDIO, Timestamp=int(clock.now)))
    assert len(service.nonces) == 5
    clock.now += WINDOW + 1
    service.handle(signed(official(), AUDIO_ACTION, vid=AUDIO, Timestamp=int(clock.now)))
    assert len(service.nonces) == 1
