"""A key pair, and the parts of a request that every signature reads."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult


class Credentials(NamedTuple):
    """A key pair, with the session token when the keys are a role's temporary keys."""

    secret_id: str
    secret_key: str
    token: str = ""

    def __repr__(self) -> str:
        """Show neither key nor token: reprs end up in logs."""
        return f"Credentials(secret_id={self.secret_id[:8]}…, secret_key=***, token={'***' if self.token else ''})"


def host_of(url: SplitResult) -> str:
    """Return the Host header for a URL. http.client leaves out a scheme's default port."""
    return url.netloc.removesuffix(":443" if url.scheme == "https" else ":80")


def as_text(value: object) -> str:
    """Return a header or a form body as text; requests allows both str and bytes."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
