"""The page for browsers: ids in, a table of outcomes out. It is one file and queries the URL that it came from."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path

from shared.net.json_text import JsonObject
from shared.replies.integrated import integrated
from shared.tasks import VIDEO, Kind

#: Only what is named here loads. `{…}` are the hashes of the page's own style and script. img-src is for the page's
#: icon; media-src is for the results that a person plays, which may be on any host.
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
    "media-src https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
#: What only readers of the file need, indents and comment lines: a twentieth of the file, which is not sent.
FOR_READERS = re.compile(r"^\t*(//.*\n)?", re.MULTILINE)


def page_reply(kind: Kind) -> JsonObject:
    """Return the integrated response with the page for a kind of task, and its security policy.

    The page holds no data and needs no token.
    """
    text, policy = _page(kind)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "Cache-Control": "no-cache",
        "Vary": "Accept",  # the same URL answers with JSON or CSV
    }
    return integrated(200, headers, text)


@cache
def _page(kind: Kind) -> tuple[str, str]:
    text = FOR_READERS.sub("", Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    policy = POLICY.format(script=_hash(text, "script"), style=_hash(text, "style"))
    return text.replace(f'data-kind="{VIDEO.name}"', f'data-kind="{kind.name}"', 1), policy


def _hash(text: str, tag: str) -> str:
    """The source expression of an inline element (CSP Level 3, 2.3.1): the hash of all between its tags."""
    (inline,) = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", text, re.DOTALL)
    return f"sha256-{b64encode(hashlib.sha256(inline.encode()).digest()).decode()}"
