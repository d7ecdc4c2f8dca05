"""A request to COS or Cloud Infinite, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from local import keys
from local.cos.replies import CosError
from local.server import NOT_HEADER, Request, bare_host

DOMAINS = (".myqcloud.com", ".tencentcos.cn")
#: Names below it are this machine (RFC 6761); COS has no such host, but clients given an endpoint build one.
LOCALHOST = ".localhost"


class Target(NamedTuple):
    """A request with decoded path and query, and header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The key of the object, empty for the bucket itself."""
        return self.path[1:]


def bucket_of(host: str) -> tuple[str, str] | None:
    """Return the bucket and region that a Host names; None if it is not one of COS, like a custom domain.

    The bucket is empty for `cos.<region>…` and `service.cos…`, the hosts of GET Service (436/8291). Names below
    localhost have no region: they mean the local one.
    """
    host = bare_host(host)
    if host.endswith(LOCALHOST):
        name = host.removesuffix(LOCALHOST)
        return "" if name == "cos" else name.removesuffix(".cos"), keys.REGION
    domain = next((domain for domain in DOMAINS if host.endswith(domain)), None)
    if domain is None:
        return None
    name = host.removesuffix(domain)
    if name == "service.cos":
        return "", keys.REGION
    bucket, _, region = ("", "", name[4:]) if name.startswith("cos.") else name.partition(".cos.")
    return bucket, region


def target_of(request: Request) -> Target:
    """Decode path and query. Raises CosError if they are not UTF-8, or a header is not text."""
    try:
        path = unquote_to_bytes(request.path).decode()
        request.query.encode()
        query = dict(parse_qsl(request.query, keep_blank_values=True, errors="strict"))
    except UnicodeError as error:
        raise CosError("InvalidURI") from error
    if not path.startswith("/"):
        raise CosError("InvalidURI")
    if any(NOT_HEADER.search(value) for value in request.headers.values()):
        raise CosError("InvalidArgument")
    return Target(request.method, path, query, request.headers, request.body)
