"""What the gateway and the function URL turn into HTTP."""

from __future__ import annotations

import json

import pytest

from shared.net.json_text import measured
from shared.replies.integrated import http_reply


def test_a_reply_is_an_integrated_response() -> None:
    reply = http_reply(429, {"code": 4400, "message": "音乐 \ud800"}, {"Retry-After": "10"})
    assert reply == {
        "isBase64Encoded": False,
        "statusCode": 429,
        "headers": {"Content-Type": "application/json; charset=utf-8", "Vary": "Accept", "Retry-After": "10"},
        "body": '{"code":4400,"message":"音乐 \\ud800"}',
    }


def test_text_is_sent_as_csv() -> None:
    reply = http_reply(200, "vid\r\na\r\n", {})
    assert (reply["body"], reply["headers"]) == (
        "vid\r\na\r\n",
        {"Content-Type": "text/csv; charset=utf-8", "Vary": "Accept"},
    )


@pytest.mark.parametrize("text", ["", "a", '"\\', "文", "\n", "😀", "\ud800", "\ud83d\ude00"])
def test_a_value_is_as_large_as_its_json_and_can_be_encoded(text: str) -> None:
    value, size = measured({"a": [text]})
    assert len(json.dumps(value, ensure_ascii=False).encode()) == size


def test_a_lone_surrogate_is_replaced_wherever_it_is_and_nothing_else() -> None:
    assert measured({"\ud800": ["a\udfffb", "😀", 1.5, None]})[0] == {"\ufffd": ["a\ufffdb", "😀", 1.5, None]}
    value = {"a": "😀"}
    assert measured(value)[0] is value
