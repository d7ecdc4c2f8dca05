"""Transport of API 2.0: forms, methods, paths, sizes, ordered errors."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.media.service import ERRORS, MAX_QUERY, MediaService
from local.media.tasks import AUDIO_ACTION, MediaTasks, documented
from local.server import Request
from tests.support.media import (
    AUDIO,
    HOST,
    NOW,
    answer,
    code,
    official,
    signed,
)
from tests.support.routes import ask_route


def multipart(request: Request, content_type: str = "multipart/form-data; boundary=cut") -> Request:
    """A POST's form parameters, as the official Java client sends them."""
    fields = parse_qsl(request.body.decode(), keep_blank_values=True)
    disposition = 'Content-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    body = "".join(f"--cut\r\n{disposition % field}" for field in fields) + "--cut--\r\n"
    return request._replace(body=body.encode(), headers={**request.headers, "content-type": content_type})


@pytest.mark.parametrize("signature_method", ["HmacSHA1", "HmacSHA256"])
def test_a_post_can_be_multipart(service: MediaService, signature_method: str) -> None:
    client = official("POST", signature_method)
    assert answer(service.handle(multipart(signed(client, AUDIO_ACTION, vid=AUDIO)))) == documented(AUDIO_ACTION)
    text = "音\r\n乐 +%41\n"
    assert answer(service.handle(multipart(signed(client, AUDIO_ACTION, vid=text))))["message"].endswith(text)


def test_a_multipart_name_can_have_the_extended_notation(service: MediaService) -> None:
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


def test_the_content_type_of_a_form_can_have_parameters_and_capitals(service: MediaService) -> None:
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


def test_bytes_that_are_not_utf8_are_refused(service: MediaService) -> None:
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
