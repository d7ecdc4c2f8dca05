"""What there is in an account, and what there should be: the same shapes, so that they can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

#: The tag that marks what this project made; its value tells one deployment from another.
TAG = "scf-media-query"
#: Every function has this alias; it can't be deleted, and it is where traffic is routed (583/36149).
ALIAS = "$DEFAULT"
TIMER, URL = "timer", "http"
#: What a function URL is called (tencent-component-toolkit and the Terraform provider).
URL_NAME = "url-trigger"


class Configuration(NamedTuple):
    """What UpdateFunctionConfiguration can change, and the handler, which comes with the code. MB and seconds."""

    description: str
    handler: str
    memory: int
    timeout: int
    role: str
    environment: Mapping[str, str]


class Trigger(NamedTuple):
    """A timer or a function URL. `setting` is the cron text, or the URL's authentication, networks and CORS."""

    kind: str
    name: str
    qualifier: str
    setting: Mapping[str, Any]
    argument: str = ""
    enabled: bool = True


class Version(NamedTuple):
    """A published version: the release that it belongs to, the release before that, and what it holds."""

    number: int
    release: int
    after: int
    digest: str


class WantedFunction(NamedTuple):
    """A function as serverless.yml has it; `bundle` is the SHA-256 of its code's zip."""

    alias: str
    name: str
    runtime: str
    configuration: Configuration
    bundle: str
    triggers: tuple[Trigger, ...]

    @property
    def digest(self) -> str:
        """What a version of this function holds, in one word: code and configuration."""
        text = json.dumps([self.bundle, self.runtime, self.configuration._asdict()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class FoundFunction(NamedTuple):
    """A function as the account has it. `routed` is the version that all traffic goes to, 0 if there is no such one."""

    name: str
    ours: bool
    status: str
    runtime: str
    configuration: Configuration
    bundle: str
    triggers: tuple[Trigger, ...]
    #: Triggers of other kinds: made by hand, and left alone until the function goes.
    foreign_triggers: tuple[Mapping[str, Any], ...]
    versions: tuple[Version, ...]
    routed: int


class Wanted(NamedTuple):
    """All that serverless.yml and the settings ask for."""

    project: str
    bucket: str
    role: str
    policy: str
    policy_document: Mapping[str, Any]
    functions: tuple[WantedFunction, ...]
    gateways: tuple[str, ...] = ()


class FoundRole(NamedTuple):
    """The run role: whether this project made it, and the policies attached to it, by name."""

    ours: bool
    policies: Mapping[str, int]


class FoundPolicy(NamedTuple):
    """The run role's policy, as CAM has it."""

    number: int
    ours: bool
    document: Mapping[str, Any]


class Account(NamedTuple):
    """What there is of all this; functions by name, those that only bear the project's tag among them."""

    bucket: bool
    role: FoundRole | None
    policy: FoundPolicy | None
    functions: Mapping[str, FoundFunction]
