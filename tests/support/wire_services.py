"""COS and SCF as the unit tests know them: they refuse what the official clients would not have signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from time import gmtime, strftime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from qcloud_cos import CosConfig
from qcloud_cos.cos_auth import CosS3Auth
from requests import PreparedRequest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from tests.support.wire import (
    LONG_AGO,
    REGION,
    SCF_HOST,
    SECRET_ID,
    SECRET_KEY,
    WORDS,
    Reply,
    Service,
    SleepClock,
    Turn,
    cos_error,
)


class Cos(Service):
    """A bucket: objects by key, when they were written (those from before the test: long ago), and the keys written."""

    page_size = 1000

    def __init__(self, clock: SleepClock, objects: Mapping[str, object], script: Iterable[Turn]) -> None:
        super().__init__(clock, script)
        self.objects = {key: value if isinstance(value, bytes) else to_bytes(value) for key, value in objects.items()}
        self.written: dict[str, float] = dict.fromkeys(objects, LONG_AGO)
        self.requests: list[PreparedRequest] = []
        self.puts: list[str] = []
        self.deleted: list[str] = []

    def check(self, request: PreparedRequest) -> Reply | None:
        self.requests.append(request)
        url = urlsplit(str(request.url))
        config = CosConfig(Region=REGION, SecretId=SECRET_ID, SecretKey=SECRET_KEY, Scheme="https")
        params = dict(parse_qsl(url.query, keep_blank_values=True))
        official = CosS3Auth(config, unquote(url.path), params, expire=600)(request.copy())
        if request.headers["Authorization"] == official.headers["Authorization"]:
            return None
        return cos_error(403, "SignatureDoesNotMatch")

    def answer(self, request: PreparedRequest) -> Reply | Exception:
        url = urlsplit(str(request.url))
        key = unquote(url.path)[1:]
        if request.method == "PUT":
            assert isinstance(request.body, bytes)
            self.objects[key], self.written[key] = request.body, self.clock.time()
            self.puts.append(key)
            return 200, self._etag(key), b""
        if request.method == "DELETE":
            self.objects.pop(key, None)
            self.deleted.append(key)
            return 204, {}, b""
        if not key:
            return 200, {"Content-Type": "application/xml"}, self._list(dict(parse_qsl(url.query)))
        return self._get(key, request) if key in self.objects else cos_error(404, "NoSuchKey")

    def _get(self, key: str, request: PreparedRequest) -> Reply:
        """GET Object (436/7753): the whole, or the range and the condition that the request names."""
        body, etag = self.objects[key], self._etag(key)
        if request.headers.get("If-None-Match") == etag["ETag"]:
            return 304, etag, b""
        if request.headers.get("If-Match", etag["ETag"]) != etag["ETag"]:
            return cos_error(412, "PreconditionFailed")
        if "Range" not in request.headers:
            return 200, etag, body
        first, last = map(int, str(request.headers["Range"]).removeprefix("bytes=").split("-"))
        if first >= len(body):
            return cos_error(416, "InvalidRange")
        part = body[first : last + 1]
        content_range = f"bytes {first}-{first + len(part) - 1}/{len(body)}"
        return 206, {**etag, "Content-Range": content_range}, part

    def _etag(self, key: str) -> dict[str, str]:
        return {"ETag": f'"{hashlib.md5(self.objects[key]).hexdigest()}"'}

    def _list(self, query: Mapping[str, str]) -> str:
        """One page of GET Bucket (436/7734): keys right under the prefix, and the prefixes of those further below."""
        assert (query["delimiter"], query["encoding-type"]) == ("/", "url")
        size = min(self.page_size, int(query["max-keys"]))
        prefix, nodes = query["prefix"], dict[str, str]()
        for key in sorted(self.objects):
            name, slash, _ = key.removeprefix(prefix).partition("/")
            if slash and key.startswith(prefix):
                folder = f"{prefix}{name}/"
                nodes[folder] = f"<CommonPrefixes><Prefix>{quote(folder)}</Prefix></CommonPrefixes>"
            elif key.startswith(prefix):
                facts = f"<LastModified>{iso(self.written[key])}</LastModified><ETag>{self._etag(key)['ETag']}</ETag>"
                nodes[key] = f"<Contents><Key>{quote(key)}</Key>{facts}</Contents>"
        found = [name for name in nodes if name > query.get("marker", "")]
        page, more = found[:size], len(found) > size
        following = f"<NextMarker>{quote(page[-1])}</NextMarker>" if more else ""
        return (
            f"<?xml version='1.0' encoding='utf-8'?><ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{following}{''.join(nodes[name] for name in page)}</ListBucketResult>"
        )

    def json(self, key: str) -> Any:
        """The JSON value of an object."""
        return json.loads(self.objects[key])


def iso(seconds: float) -> str:
    """A time as GET Bucket prints it: the samples always have .000 milliseconds."""
    return strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime(seconds))


class Scf(Service):
    """SCF's API: the Invoke requests that it took, and the events in them."""

    def __init__(self, clock: SleepClock, script: Iterable[Turn]) -> None:
        super().__init__(clock, script)
        self.requests: list[PreparedRequest] = []
        self.events: list[Any] = []

    def check(self, request: PreparedRequest) -> Reply | None:
        self.requests.append(request)
        profile = ClientProfile(httpProfile=HttpProfile(endpoint=SCF_HOST))
        client = CommonClient("scf", "2018-04-16", Credential(SECRET_ID, SECRET_KEY), REGION, profile)
        header = {**request.headers, "Host": SCF_HOST}
        date = strftime("%Y-%m-%d", gmtime(self.clock.time()))
        wire = RequestInternal(SCF_HOST, "POST", "/", header, request.body)
        signature = client._get_tc3_signature({}, wire, date, "scf", SECRET_KEY)
        timely = request.headers["X-TC-Timestamp"] == str(int(self.clock.time()))
        signed = str(request.headers["Authorization"]).endswith(f"Signature={signature}")
        return None if timely and signed else scf_error("AuthFailure.SignatureFailure")

    def answer(self, request: PreparedRequest) -> Reply | Exception:
        assert isinstance(request.body, bytes)
        self.events.append(json.loads(json.loads(request.body)["ClientContext"]))
        return 200, {}, json.dumps({"Response": {"Result": {"InvokeResult": 0}, "RequestId": "unit"}})


def scf_error(code: str, date: str = "") -> Reply:
    """An error of API 3.0 (Invoke, 583/17243)."""
    body = {"Response": {"Error": {"Code": code, "Message": WORDS}, "RequestId": "unit"}}
    return 200, {"Date": date} if date else {}, json.dumps(body)


def to_bytes(value: object) -> bytes:
    """A JSON object as it lies in COS."""
    return json.dumps(value).encode()
