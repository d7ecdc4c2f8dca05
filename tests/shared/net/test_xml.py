"""XML replies: what is read, and what is refused before a parser could be harmed by it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UpstreamFailed
from shared.net.xml import error_code, parse_xml

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l9;</a>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<a>b</a>", "b"),
        ('<?xml version="1.0" encoding="UTF-8"?><a>音 &lt;&#65;</a>'.encode(), "音 <A"),
        (b"\xef\xbb\xbf<a>b</a>", "b"),
        (b'<?xml version="1.0" encoding="utf-7"?><a>+ADw-</a>', "+ADw-"),
        (b"<a/>", None),
    ],
)
def test_what_is_read(body: bytes, text: str | None) -> None:
    assert parse_xml(body, "COS").text == text


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<a>", b"<a></b>", b"<a>\x00</a>", b"<a>&x;</a>", b"\xff\xfe<\x00a\x00/\x00>\x00", b"<a/><b/>"],
)
def test_invalid_xml_is_retryable(body: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="COS did not answer with XML") as caught:
        parse_xml(body, "COS")
    assert caught.value.retryable


@pytest.mark.parametrize("body", [BOMB, OUTSIDE, "<!DOCTYPE a><a/>"])
def test_a_document_type_is_refused(body: str) -> None:
    with pytest.raises(UpstreamFailed, match="document type") as caught:
        parse_xml(body.encode(), "COS")
    assert not caught.value.retryable


def test_a_document_type_can_not_hide_in_another_encoding() -> None:
    for encoding in ("utf-16", "utf-32", "utf-7"):
        with pytest.raises(UpstreamFailed):
            parse_xml(BOMB.encode(encoding), "COS")


def test_depth_is_no_danger() -> None:
    assert parse_xml(b"<a>" * 100_000 + b"</a>" * 100_000, "COS").tag == "a"


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: f"<a>{text}</a>".encode(errors="replace")))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(UpstreamFailed):
        parse_xml(body, "COS")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Error><Code>SlowDown</Code></Error>", "SlowDown"),
        (b"<Error><Code>Request has expired</Code>", "Request has expired"),
        (b"<Error><Code>http://x</Code></Error>", ""),
        (b"<Code></Code>", ""),
        (b"\xff", ""),
    ],
)
def test_error_code(body: bytes, code: str) -> None:
    assert error_code(body) == code
