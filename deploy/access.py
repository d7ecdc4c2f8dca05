"""Access to an account: the keys, the regions, and the function that sends requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.errors import DeployError

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


def connect(access: Access) -> Call:
    """Return the function that sends requests with Tencent's SDKs. Raises DeployError if they are not installed."""
    try:
        from deploy import cloud
    except ImportError as error:
        raise DeployError(
            f"{error.name} is not installed: make plan, deploy, rollback and remove install it"
        ) from error
    return cloud.connect(access)
