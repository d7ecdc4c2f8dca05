"""The page as it is served: small, guarded by its policy, and only when it is asked for."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from html.parser import HTMLParser
from typing import Any

import pytest

from shared.replies.page import page_reply
from shared.replies.table import COLUMNS
from shared.tasks import AUDIO, DELETED, FAILED, MISSING, PENDING, SUCCEEDED, UNANSWERED, VIDEO, Kind
from tests.support.paths import ROOT

KINDS = pytest.mark.parametrize("kind", [VIDEO, AUDIO], ids=lambda kind: kind.name)


class Parts(HTMLParser):
    """The attributes of every tag, and the text of each script and style, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: dict[str, str] = {}
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            assert tag not in self.inline
            self._open, self.inline[tag] = tag, ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inline[self._open] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def served(kind: Kind) -> tuple[dict[str, Any], Parts]:
    reply: Any = page_reply(kind)
    assert (reply["statusCode"], reply["isBase64Encoded"]) == (200, False)
    return reply, Parts(reply["body"])


@KINDS
def test_it_is_one_reply_of_at_most_40_kb(kind: Kind) -> None:
    reply, parts = served(kind)
    assert len(reply["body"].encode()) <= 40_000
    assert reply["headers"]["Content-Type"] == "text/html; charset=utf-8"
    loading = [attrs[name] for _, attrs in parts.tags for name in ("src", "href", "action") if attrs.get(name)]
    assert len(loading) == 1
    assert str(loading[0]).startswith("data:image/svg+xml,")
    assert not re.search(r"@import|url\(|import\(|\bimport\b.*\bfrom\b", "".join(parts.inline.values()))


@KINDS
def test_its_policy_allows_its_own_script_and_style_and_nothing_by_default(kind: Kind) -> None:
    reply, parts = served(kind)
    policy = reply["headers"]["Content-Security-Policy"]
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert policy.startswith("default-src 'none';")
    for tag, text in parts.inline.items():
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives.pop(f"{tag}-src") == f"'sha256-{digest}'"
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types")
    assert directives == {
        **dict.fromkeys(nothing, "'none'"),
        "connect-src": "'self'",
        "img-src": "data:",
        "media-src": "https: http:",
        "require-trusted-types-for": "'script'",
    }
    assert not [attrs for _, attrs in parts.tags if any(name == "style" or name.startswith("on") for name in attrs)]


@KINDS
def test_its_other_headers(kind: Kind) -> None:
    headers = served(kind)[0]["headers"]
    del headers["Content-Type"], headers["Content-Security-Policy"]
    assert headers == {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }
    assert "Content-Type" in served(kind)[0]["headers"]


@KINDS
def test_it_knows_its_kind(kind: Kind) -> None:
    tag, attributes = served(kind)[1].tags[0]
    assert (tag, attributes["data-kind"]) == ("html", kind.name)


def constant(name: str) -> Any:
    """A list that the script defines."""
    found = re.search(rf"^const {name} = (\[.*?\]);$", served(VIDEO)[1].inline["script"], re.MULTILINE)
    assert found
    return json.loads(found[1])


def test_its_columns_and_outcomes_are_the_table_s() -> None:
    assert constant("COLUMNS") == list(COLUMNS)
    assert constant("OUTCOMES") == [SUCCEEDED, FAILED, PENDING, DELETED, MISSING, UNANSWERED, "invalid"]


def test_both_languages_have_every_word() -> None:
    text = (ROOT / "shared" / "replies" / "page.html").read_text(encoding="utf-8")
    english, chinese = re.findall(r"^\t(?:en|zh): \{\n(.*?)^\t\},\n", text, re.MULTILINE | re.DOTALL)
    keys = re.compile(r"(\w+): (?=[\"`{A])")
    assert keys.findall(english) == keys.findall(chinese)
    assert len(keys.findall(english)) > 80
    used = {attributes["data-t"] for _, attributes in served(VIDEO)[1].tags if "data-t" in attributes}
    assert used <= set(keys.findall(english))


LOADED = """
import json, sys
import query_video
query_video.main_handler(json.loads(sys.argv[1]), {"time_limit_in_ms": 60})
print(*sorted(name for name in sys.modules if name.startswith("shared.replies.")))
"""
GET = {"httpMethod": "GET", "path": "/", "queryString": {"vids": "a"}}
LEAN = ["shared.replies.envelope", "shared.replies.integrated"]


@pytest.mark.parametrize(
    ("headers", "more"), [({}, []), ({"accept": "*/*"}, []), ({"accept": "text/html"}, ["shared.replies.page"])]
)
def test_a_query_does_not_load_it(headers: dict[str, str], more: list[str]) -> None:
    environ = {
        **os.environ,
        "SECRET_ID": "AKIDX",
        "SECRET_KEY": "k",
        "MEDIA_API_URL": "http://127.0.0.1:9/x",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "functions")]),
    }
    command = [sys.executable, "-c", LOADED, json.dumps({**GET, "headers": headers})]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == [*LEAN, *more]
