"""A client of the local COS that signs as the documents say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from local.cos.replies import ERRORS
from local.cos.service import CosService
from local.cos.store import CosStore
from local.keys import BUCKET, PERMANENT, REGION
from local.server import Reply, Request
from shared.signing.cos import cos_authorization
from shared.signing.credentials import Credentials

NOW = 1_700_000_000
HOST = f"{BUCKET}.cos.{REGION}.myqcloud.com"
TOKEN = "x-cos-security-token"
JSON = {"content-type": "application/json"}


class Client:
    """Signs requests as the documents say and hands them to a service."""

    def __init__(self, service: CosService, keys: Credentials = PERMANENT, store: CosStore | None = None) -> None:
        self.service = service
        self._store = store
        self.keys = keys
        self.window = f"{NOW - 60};{NOW + 600}"
        self.host = HOST

    def request(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Request:
        """A signed request."""
        sent = {"host": self.host, **(headers or {})}
        if method == "PUT":
            sent = {"content-length": str(len(body)), **sent}
        if self.keys.token:
            sent[TOKEN] = self.keys.token
        sent["authorization"] = cos_authorization(self.keys, method, f"/{key}", query or {}, sent, self.window)
        return Request(method, "/" + quote(key), urlencode(query or {}), sent, body)

    @property
    def store(self) -> CosStore:
        """The objects behind the service."""
        assert self._store
        return self._store

    def __call__(self, method: str, key: str = "", **parts: Any) -> Reply:
        return self.service.handle(self.request(method, key, **parts))


def code_of(reply: Reply) -> str:
    """The code of an error reply, whose status must be the documented one."""
    code = ET.fromstring(reply.body).findtext("Code") or ""
    assert reply.status == ERRORS[code][0]
    return code


def without(request: Request, *names: str) -> Request:
    return request._replace(headers={name: value for name, value in request.headers.items() if name not in names})


def texts(reply: Reply, path: str) -> list[str]:
    """The texts of the nodes at a path of a list."""
    assert reply.status == 200
    return [element.text or "" for element in ET.fromstring(reply.body).findall(path)]
