"""Finds the operation of COS that a request asks for, and refuses those that are not emulated."""

from __future__ import annotations

from collections.abc import Mapping

from local.cos.replies import CosError
from local.cos.signature import FIELDS, TOKEN
from local.cos.target import Target

META = "x-cos-meta-"
#: Headers of PUT Object that are stored with the object, beside x-cos-meta-* (436/7749), and the endings of GET
#: Object's response-* parameters (436/7753). Only the latter page has content-language.
KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")
#: x-cos-* headers of PUT Object that are served. Where values are listed, only those are: they change nothing. Other
#: headers change what is stored or who may read it, so they are refused with NotImplemented, not ignored.
SERVED_HEADERS: Mapping[str, tuple[str, ...]] = {
    TOKEN: (),
    "x-cos-forbid-overwrite": (),
    "x-cos-sdk-retry": (),  # the official client marks its retries
    "x-cos-acl": ("default", "private"),
    "x-cos-storage-class": ("STANDARD",),
}
ACTIONS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
#: Without a key a request is for the bucket. DELETE Bucket is not served.
BUCKET_ACTIONS = {"PUT": "PutBucket", "GET": "GetBucket", "HEAD": "HeadBucket"}

#: The parameters of each operation. Any other parameter asks for another operation or another answer, so it is refused
#: by name.
PARAMETERS: Mapping[str, frozenset[str]] = {
    "GetObject": frozenset(f"response-{name}" for name in KEPT),
    "HeadObject": frozenset(f"response-{name}" for name in KEPT),
    "GetMediaInfo": frozenset({"ci-process"}),  # Cloud Infinite's, at COS's host
    "GetService": frozenset({"marker", "max-keys"}),
    "GetBucket": frozenset({"prefix", "delimiter", "marker", "max-keys", "encoding-type"}),
}


def action_of(target: Target) -> str:
    """Return the operation that a request asks for. Raises CosError if it is not emulated."""
    method = target.method
    if method not in ACTIONS and not target.query:
        raise CosError("MethodNotAllowed")
    action = (ACTIONS if target.key else BUCKET_ACTIONS).get(method)
    if action is None:
        what = f"{method} with the parameter {min(target.query)[:64]}" if target.query else f"{method} of a bucket"
        raise _not_emulated(what)
    return action


def check_emulated(action: str, target: Target) -> None:
    """Raise CosError for the first parameter or header that the action does not support."""
    known = PARAMETERS.get(action, frozenset()) | {*FIELDS, TOKEN}
    for name in target.query:
        if name not in known:
            raise _not_emulated(f"The parameter {name[:64]}")
    for name, value in target.headers.items():
        allowed = SERVED_HEADERS.get(name)
        plain = name.startswith(META) or (allowed is not None and (not allowed or value in allowed))
        if name == "pic-operations" or (name.startswith("x-cos-") and not plain):
            raise _not_emulated(f"The header {name[:64]}" + ("" if allowed is None else " with this value"))


def _not_emulated(what: str) -> CosError:
    return CosError("NotImplemented", f"{what} is not emulated by the local COS.")
