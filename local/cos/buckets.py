"""The buckets of the local COS: the Host of a request names the bucket."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from local import keys
from local.cos.operations import check_emulated
from local.cos.replies import XML_HEADERS, CosError, answered, common_headers, service_body
from local.cos.service import CosService
from local.cos.signature import check_signature
from local.cos.store import CosStore
from local.cos.target import Target, bucket_of, target_of
from local.server import Reply, Request

#: Buckets of an account (specifications and limits, 436/14518).
MAX_BUCKETS = 200
#: A bucket's name, and the number of the account that it belongs to (bucket overview, 436/13312).
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?-([0-9]+)")


class Buckets:
    """The buckets below `folder`; `first` always exists, and answers any Host that is not COS's.

    `services` has the service of each bucket, `calls` counts requests by operation. `clock` gives Unix time in seconds.
    """

    def __init__(self, folder: Path, first: CosStore, clock: Callable[[], float] = time.time) -> None:
        self.calls: Counter[str] = Counter()
        self._folder = folder
        self._clock = clock
        self.services = {keys.BUCKET: self._serve(keys.BUCKET, first)}
        for path in sorted(folder.glob(f"*-{keys.APP_ID}")):
            if path.name != keys.BUCKET and NAME.fullmatch(path.name) and path.is_dir():
                self._open(path.name)

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        name, region = bucket_of(request.headers.get("host", "")) or (keys.BUCKET, keys.REGION)
        if region == keys.REGION and name in self.services:
            return self.services[name].handle(request)
        return answered(lambda: self._no_bucket(name, region, request), request, self._clock())

    def error(self, code: str) -> Reply:
        """Return the reply for an error code of 436/7730; InternalError for any other."""
        return self.services[keys.BUCKET].error(code)

    def _no_bucket(self, name: str, region: str, request: Request) -> Reply:
        """Answer GET Service, or a request for an unknown bucket. Raises CosError."""
        target = target_of(request)
        if request.method == "GET" and not name and not target.key:
            return self._list(target)
        if request.method != "PUT" or target.key or target.query:
            raise CosError("NoSuchBucket")
        self.calls["PutBucket"] += 1
        check_signature(target, self._clock())
        self._create(name, region, request)
        return Reply(200, common_headers(self._clock()))

    def _list(self, target: Target) -> Reply:
        """GET Service (436/8291): list all buckets. Raises CosError.

        The official client always sends an empty marker and a large max-keys; a page of the list is not emulated.
        """
        self.calls["GetService"] += 1
        check_signature(target, self._clock())
        check_emulated("GetService", target)
        marker, most = target.query.get("marker"), target.query.get("max-keys", "2000")
        if marker or not re.fullmatch("[0-9]{1,4}", most) or int(most) < len(self.services):
            raise CosError("NotImplemented", "A part of the list of buckets is not emulated by the local COS.")
        times = {name: (self._folder / name).stat().st_ctime for name in self.services}
        created = {name: f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items()}
        headers = {**common_headers(self._clock()), **XML_HEADERS}
        return Reply(200, headers, service_body(keys.APP_ID, keys.REGION, created))

    def _create(self, name: str, region: str, request: Request) -> None:
        """PUT Bucket (436/7738): create a private bucket without options. Raises CosError."""
        matched = NAME.fullmatch(name)
        if matched is None:
            raise CosError("InvalidBucketName")
        if matched[1] != keys.APP_ID:  # another account's: the code is not documented
            raise CosError("AccessDenied")
        if len(self.services) >= MAX_BUCKETS:
            raise CosError("TooManyBuckets")
        acl = request.headers.get("x-cos-acl", "private")
        others = [header for header in request.headers if header.startswith("x-cos-") and header not in _PLAIN]
        if region != keys.REGION or acl != "private" or others or request.body:
            raise CosError("NotImplemented")
        self._open(name)

    def _open(self, name: str) -> None:
        self.services[name] = self._serve(name, CosStore(self._folder, name))

    def _serve(self, name: str, store: CosStore) -> CosService:
        service = CosService(store, name, clock=self._clock)
        service.calls = self.calls
        return service


#: Headers that PUT Bucket accepts.
_PLAIN = ("x-cos-acl", "x-cos-security-token", "x-cos-sdk-retry")
