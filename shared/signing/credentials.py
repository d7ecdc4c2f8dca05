"""A key pair, and what every signature reads of a request."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult


class Credentials(NamedTuple):
    """A key pair, and the session token when the keys are a role's temporary ones."""

    secret_id: str
    secret_key: str
    token: str = ""

    def __repr__(self) -> str:
        """Never the key, never the token: reprs end up in logs."""
        return f"Credentials(secret_id={self.secret_id[:8]}…, secret_key=***, token={'***' if self.token else ''})"


def host_of(url: SplitResult) -> str:
    """The Host header that is sent to a URL: http.client leaves a scheme's default port out of it."""
    return url.netloc.removesuffix(":443" if url.scheme == "https" else ":80")


def as_text(value: object) -> str:
    """A header or form body as text; requests allows both str and bytes."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
