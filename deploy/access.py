"""Access to an account: the keys and regions, and the function that sends requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from deploy.errors import DeployError
from shared.settings import LOOPBACK

KEYS = ("TENCENT_SECRET_ID", "TENCENT_SECRET_KEY")
#: The form of a key: ASCII without blanks, since it is sent in a header.
_KEY = re.compile(r"[!-~]*")

#: One request: service (scf, cam or cos), action, parameters; returns the answer's fields. Raises Refused, Unanswered.
Call = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Access:
    """The account's keys, the functions' region and the bucket's; `endpoint` is a local cloud's URL or ""."""

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    region: str
    bucket_region: str = ""
    endpoint: str = ""


def read_access(region: str, environ: Mapping[str, str]) -> Access:
    """Return the access to an account, for functions in `region`. Raises DeployError."""
    need(KEYS, environ, "copy .env.example to .env and fill it in")
    for name in (*KEYS, "TENCENT_TOKEN"):
        if not _KEY.fullmatch(environ.get(name, "")):
            raise DeployError(f"{name} has a blank or another character that is not allowed in a key")
    return Access(
        secret_id=environ["TENCENT_SECRET_ID"],
        secret_key=environ["TENCENT_SECRET_KEY"],
        token=environ.get("TENCENT_TOKEN", ""),
        region=region,
        bucket_region=environ.get("COS_REGION", ""),
        endpoint=_endpoint(environ.get("DEPLOY_ENDPOINT", "")),
    )


def need(names: tuple[str, ...], variables: Mapping[str, str], advice: str) -> None:
    """Raise DeployError naming the variables that are missing."""
    missing = [name for name in names if not variables.get(name)]
    if missing:
        raise DeployError(f"{' and '.join(missing)} must be set: {advice}")


def connect(access: Access) -> Call:
    """Return the function that sends requests with Tencent's SDKs. Raises DeployError if they are not installed."""
    try:
        from deploy import cloud
    except ImportError as error:
        raise DeployError(
            f"{error.name} is not installed: make plan, deploy, rollback and remove install it"
        ) from error
    return cloud.connect(access)


def _endpoint(text: str) -> str:
    """Return the local cloud's URL, "" for Tencent's. Keys are sent nowhere else."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        fine = parts.scheme == "http" and LOOPBACK.fullmatch(parts.hostname or "") and parts.port is not None
    except ValueError:
        fine = False
    if not fine or parts.path.strip("/") or parts.query or parts.username:
        raise DeployError("DEPLOY_ENDPOINT must be a local cloud on this machine, like http://127.0.0.1:9000")
    return f"http://{parts.netloc}"
