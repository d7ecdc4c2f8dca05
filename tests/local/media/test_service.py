"""The local media API, asked by the official client: directly with a clock of the test's own, and through a socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from QcloudApi.common.api_exception import ApiClientNetworkException, ApiServerNetworkException
from QcloudApi.common.request import RequestInternal
from QcloudApi.common.sign import Sign
from QcloudApi.modules.base import Base
from QcloudApi.modules.cdn import Cdn

from local.faults import Faulty
from local.keys import PERMANENT, ROLE
from local.media.service import ERRORS, HEADERS, MAX_QUERY, REAL_HOSTS, WINDOW, MediaService
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, VIDEO_SUCCEEDS, MediaTasks, documented
from local.server import Reply, Request, Server
from shared.signing.credentials import Credentials
from tests.support.routes import ask_route

VIDEO = "a72c30a65853dc1466ec9ef681e7b76b1530600996"
OTHER_VIDEO = "b0756cd02571355df87533cb4c291afe1530607530"
AUDIO = "6e50fd43c6f20d56c88d1c1d8f6db2641503390019"
NOW = 1_700_000_000
HOST = REAL_HOSTS[1]
FORM = "application/x-www-form-urlencoded"
ALL_WAYS = [(method, name) for method in ("GET", "POST") for name in ("HmacSHA1", "HmacSHA256")]


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> MediaService:
    return MediaService(MediaTasks(clock), clock)


def official(
    method: str = "GET",
    signature_method: str = "HmacSHA1",
    endpoint: str = HOST,
    keys: Credentials = PERMANENT,
    region: str = "gz",
) -> Any:
    """The official client, for one endpoint."""
    config = {
        "secretId": keys.secret_id,
        "secretKey": keys.secret_key,
        "Token": keys.token,
        "Region": region,
        "method": method,
        "SignatureMethod": signature_method,
        "endpoint": endpoint,
    }
    return Base(config)


def signed(client: Any, action: str, host: str = "", **params: object) -> Request:
    """The request that the official client makes, at the test's time unless `params` say otherwise."""
    made = RequestInternal(client.requestHost, client.method, client.requestUri)
    client._build_req_inter(action, {"Timestamp": NOW, **params}, made)
    headers = {"host": host or client.requestHost, **{name.lower(): value for name, value in made.header.items()}}
    if client.method == "GET":
        return Request("GET", made.uri, made.data, headers)
    return Request("POST", made.uri, "", headers, made.data.encode())


def changed(request: Request, **params: str | None) -> Request:
    """A GET with parameters set to something else, or left out (None), after it was signed."""
    pairs = {**dict(parse_qsl(request.query, keep_blank_values=True)), **params}
    return request._replace(query=urlencode({name: value for name, value in pairs.items() if value is not None}))


def resigned(request: Request, signature_method: str) -> Request:
    """A GET signed again by the official client's signer, with this hash whatever its parameters claim."""
    pairs = {name: value for name, value in parse_qsl(request.query) if name != "Signature"}
    sign = Sign(PERMANENT.secret_id, PERMANENT.secret_key)
    return changed(request, Signature=sign.make(HOST, request.path, pairs, request.method, signature_method))


def answer(reply: Reply) -> dict[str, Any]:
    """A reply's envelope, which comes with HTTP status 200 whatever it says."""
    assert reply.status == 200
    assert {**reply.headers, "Date": ""} == {**HEADERS, "Date": ""}
    envelope: dict[str, Any] = json.loads(reply.body)
    return envelope


def code(reply: Reply) -> int:
    """The code of an error envelope, whose form is that of the documents without data."""
    envelope = answer(reply)
    assert list(envelope) == ["code", "message", "codeDesc"]
    assert envelope["message"]
    return int(envelope["code"])


# The two actions


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


def test_a_single_video_may_come_without_a_number(service: MediaService) -> None:
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


# Who asks


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


def test_an_empty_token_is_none(service: MediaService) -> None:
    assert answer(service.handle(signed(official(), AUDIO_ACTION, vid=AUDIO, Token="")))["code"] == 0


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
def test_on_loopback_the_real_hosts_may_be_signed(service: MediaService, host: str) -> None:
    for name in (host, *REAL_HOSTS):
        assert answer(service.handle(signed(official(endpoint=name), AUDIO_ACTION, host, vid=AUDIO)))["code"] == 0
    other = signed(official(endpoint="cvm.api.qcloud.com"), AUDIO_ACTION, host, vid=AUDIO)
    assert code(service.handle(other)) == 4100


def test_elsewhere_only_the_host_that_was_asked(service: MediaService) -> None:
    for host in (REAL_HOSTS[0], "127.0.0.1.example.com", "media.example.com"):
        assert code(service.handle(signed(official(endpoint=HOST), AUDIO_ACTION, host, vid=AUDIO))) == 4100
    request = signed(official(endpoint="media.example.com"), AUDIO_ACTION, vid=AUDIO)
    assert answer(service.handle(request))["code"] == 0


def test_no_host_and_a_garbled_host_are_refused(service: MediaService) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO)
    for headers in ({}, {"host": "cdn\udcff"}):
        assert code(service.handle(request._replace(headers=headers))) == 4100


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
    assert len(service._nonces) == 5
    clock.now += WINDOW + 1
    service.handle(signed(official(), AUDIO_ACTION, vid=AUDIO, Timestamp=int(clock.now)))
    assert len(service._nonces) == 1


# What is asked


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


def test_of_several_faults_the_first_checked_is_told(service: MediaService, clock: Clock) -> None:
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


# How it is asked


def multipart(request: Request, content_type: str = "multipart/form-data; boundary=cut") -> Request:
    """A POST's form parameters, as the official Java client sends them."""
    fields = parse_qsl(request.body.decode(), keep_blank_values=True)
    disposition = 'Content-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    body = "".join(f"--cut\r\n{disposition % field}" for field in fields) + "--cut--\r\n"
    return request._replace(body=body.encode(), headers={**request.headers, "content-type": content_type})


@pytest.mark.parametrize("signature_method", ["HmacSHA1", "HmacSHA256"])
def test_a_post_may_be_multipart(service: MediaService, signature_method: str) -> None:
    client = official("POST", signature_method)
    assert answer(service.handle(multipart(signed(client, AUDIO_ACTION, vid=AUDIO)))) == documented(AUDIO_ACTION)
    text = "音\r\n乐 +%41\n"
    assert answer(service.handle(multipart(signed(client, AUDIO_ACTION, vid=text))))["message"].endswith(text)


def test_a_multipart_name_may_be_in_the_extended_notation(service: MediaService) -> None:
    request = multipart(signed(official("POST"), AUDIO_ACTION, vid=AUDIO))
    extended = request.body.replace(b'name="vid"', b"name*=UTF-8''v%69d")
    assert answer(service.handle(request._replace(body=extended)))["code"] == 0


def test_multipart_without_a_boundary_or_a_name_has_no_parameters(service: MediaService) -> None:
    request = signed(official("POST"), AUDIO_ACTION, vid=AUDIO)
    nameless = multipart(request)._replace(body=b"--cut\r\n\r\ntext\r\n--cut--\r\n")
    garbled = "multipart/form-data; boundary=\udcff"
    for one in (multipart(request, "multipart/form-data"), multipart(request, garbled), nameless):
        assert code(service.handle(one)) == 4000


@given(body=st.binary() | st.text().map(lambda text: f"--cut\r\n{text}\r\n--cut--".encode(errors="replace")))
def test_any_multipart_body_is_answered(body: bytes) -> None:
    service = MediaService(MediaTasks(lambda: NOW), lambda: NOW)
    headers = {"host": HOST, "content-type": "multipart/form-data; boundary=cut"}
    assert code(service.handle(Request("POST", "/v2/index.php", "", headers, body))) == 4000


def test_the_content_type_of_a_form_may_have_parameters_and_capitals(service: MediaService) -> None:
    request = signed(official("POST"), AUDIO_ACTION, vid=AUDIO)
    headers = {**request.headers, "content-type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"}
    assert answer(service.handle(request._replace(headers=headers)))["code"] == 0


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_a_post_of_another_type_is_refused(service: MediaService, content_type: str | None) -> None:
    request = signed(official("POST"), AUDIO_ACTION, vid=AUDIO)
    headers = {"host": HOST, **({"content-type": content_type} if content_type else {})}
    reply = service.handle(request._replace(headers=headers))
    assert code(reply) == 4000
    assert "Content-Type" in answer(reply)["message"]


def test_a_posts_parameters_are_in_its_body_only(service: MediaService) -> None:
    request = signed(official("POST"), AUDIO_ACTION, vid=AUDIO)
    assert code(service.handle(request._replace(query=request.body.decode(), body=b""))) == 4000


def test_bytes_that_are_no_text_are_refused_not_tripped_over(service: MediaService) -> None:
    get, post = (signed(official(method), AUDIO_ACTION, vid=AUDIO) for method in ("GET", "POST"))
    for one in (get._replace(query=get.query + "&x=\udcff&y=%ff"), post._replace(body=post.body + b"&x=\xff")):
        assert code(service.handle(one)) == 4100


def test_the_last_of_two_values_counts(service: MediaService) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO)
    assert answer(service.handle(request._replace(query="vid=nobody&" + request.query)))["code"] == 0
    assert code(service.handle(request._replace(query=request.query + "&vid=nobody"))) == 4100


@pytest.mark.parametrize(("length", "status"), [(MAX_QUERY, 200), (MAX_QUERY + 1, 501)])
def test_a_long_get_is_not_implemented(service: MediaService, length: int, status: int) -> None:
    request = signed(official(), AUDIO_ACTION, vid=AUDIO)
    assert service.handle(request._replace(query=request.query.ljust(length, "&"))).status == status


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/", 404, None),
        ("GET", "/v2/index.php/", 404, None),
        ("POST", "/_local/other", 404, None),
        ("HEAD", "/v2/index.php", 405, "GET, POST"),
        ("PUT", "/v2/index.php", 405, "GET, POST"),
    ],
)
def test_other_paths_and_methods_are_refused(
    service: MediaService, method: str, path: str, status: int, allow: str | None
) -> None:
    reply = service.handle(Request(method, path, "", {"host": HOST}))
    assert (reply.status, reply.headers.get("Allow"), reply.headers["Server"]) == (status, allow, "local-media-api")


@pytest.mark.parametrize("number", ERRORS)
def test_each_documented_code_can_be_ordered(service: MediaService, number: int) -> None:
    description, message = ERRORS[number]
    expected = {"code": number, "message": message, "codeDesc": description}
    assert answer(service.error(str(number))) == expected


@pytest.mark.parametrize(("ordered", "told"), [("", 6000), ("SlowDown", 6000), ("-9021", -9021), ("9" * 10, 6000)])
def test_other_codes_can_be_ordered_if_they_are_numbers(service: MediaService, ordered: str, told: int) -> None:
    assert code(service.error(ordered)) == told


def test_bad_tasks_are_refused_naming_the_field(service: MediaService) -> None:
    for body, told in ((b"[{}]", "tasks[0].vid"), (b"{", "Expecting"), (b"\xff\xfe\xfd", "codec")):
        reply = ask_route(service.routes, "POST", "/_local/tasks", body)
        assert reply.status == 400
        assert told in json.loads(reply.body)["error"]


# Through a socket


class Plain(HTTPConnection):
    """What the official client has, without TLS."""

    request_length = 0


class Cloud:
    """The media API behind its faults, on a port of its own."""

    def __init__(self, url: str) -> None:
        self.host = url.removeprefix("http://")

    def official(self, method: str, signature_method: str = "HmacSHA1", endpoint: str = "") -> Any:
        """The official client, connected to here."""
        client = official(method, signature_method, endpoint or self.host)
        client.apiRequest.conn = Plain(self.host, timeout=30)
        return client

    def request(self, method: str, path: str, value: object = None) -> tuple[int, Any]:
        """Status and JSON of a plain request."""
        connection = HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, json.dumps(value))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def fault(self, **spec: object) -> None:
        """Put one fault in force."""
        assert self.request("POST", "/_local/faults", [spec]) == (200, {"faults": 1})


@contextmanager
def running(server: Server) -> Iterator[str]:
    """The URL of a server that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    service = MediaService(MediaTasks())
    front = Faulty(service, service.routes)
    with running(Server(front.handle, routes=front.routes)) as url:
        yield Cloud(url)


@pytest.mark.parametrize("endpoint", ["", *REAL_HOSTS])
@pytest.mark.parametrize(("method", "signature_method"), ALL_WAYS)
def test_the_official_client_gets_the_documents_replies(
    cloud: Cloud, method: str, signature_method: str, endpoint: str
) -> None:
    client = cloud.official(method, signature_method, endpoint)
    assert json.loads(client.call(VIDEO_ACTION, {"vids": [VIDEO]})) == documented(VIDEO_ACTION)
    assert json.loads(client.call(AUDIO_ACTION, {"vid": AUDIO})) == documented(AUDIO_ACTION)
    assert cloud.request("GET", "/_local/calls") == (200, {VIDEO_ACTION: 1, AUDIO_ACTION: 1})


def test_replies_name_the_server(cloud: Cloud) -> None:
    connection = HTTPConnection(cloud.host, timeout=30)
    connection.request("GET", "/v2/index.php")
    response = connection.getresponse()
    assert json.loads(response.read())["code"] == 4000
    assert response.headers.get_all("Server") == ["local-media-api"]
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    connection.close()


def test_a_long_get_reaches_the_service_and_is_answered_or_not_implemented(cloud: Cloud) -> None:
    vids = [VIDEO] * 500
    assert len(json.loads(cloud.official("GET").call(VIDEO_ACTION, {"vids": vids}))["data"]) == 500
    with pytest.raises(ApiServerNetworkException) as raised:
        cloud.official("GET").call(VIDEO_ACTION, {"vids": [VIDEO] * 700})
    assert raised.value.status == 501
    assert len(json.loads(cloud.official("POST").call(VIDEO_ACTION, {"vids": [VIDEO] * 700}))["data"]) == 700


def test_added_tasks_are_known_at_once(cloud: Cloud) -> None:
    added = [{"vid": "mine", "status": 3, "action": VIDEO_ACTION}, {"vid": "mine too", "音": "乐"}]
    assert cloud.request("POST", "/_local/tasks", added) == (200, {"tasks": 2})
    reply = json.loads(cloud.official("POST").call(VIDEO_ACTION, {"vids": ["mine", "mine too"]}))
    assert reply["data"] == [{"vid": "mine", "status": 3}, {"vid": "mine too", "音": "乐"}]
    assert cloud.request("GET", "/_local/calls") == (200, {VIDEO_ACTION: 1})


def unbroken(call: Callable[[], bytes]) -> None:
    assert json.loads(call()) == documented(AUDIO_ACTION)


def lost(call: Callable[[], bytes]) -> None:
    with pytest.raises(ApiClientNetworkException):
        call()


def unavailable(call: Callable[[], bytes]) -> None:
    with pytest.raises(ApiServerNetworkException) as raised:
        call()
    assert raised.value.status == 502


def garbled(call: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match="decode"):
        json.loads(call())


def over_quota(call: Callable[[], bytes]) -> None:
    assert json.loads(call())["code"] == 4400


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("spec", "expect"),
    [
        ({"kind": "delay", "value": 0}, unbroken),
        ({"kind": "reset"}, lost),
        ({"kind": "truncate"}, lost),
        ({"kind": "http", "value": 502}, unavailable),
        ({"kind": "garbage"}, garbled),
        ({"kind": "code", "value": 4400}, over_quota),
    ],
)
def test_the_official_client_meets_each_fault_once(
    cloud: Cloud, method: str, spec: dict[str, object], expect: Callable[[Callable[[], bytes]], None]
) -> None:
    client = cloud.official(method)
    cloud.fault(**spec, times=1)
    expect(lambda: client.call(AUDIO_ACTION, {"vid": AUDIO}))
    unbroken(lambda: client.call(AUDIO_ACTION, {"vid": AUDIO}))
    assert cloud.request("GET", "/_local/calls") == (200, {AUDIO_ACTION: 2})
