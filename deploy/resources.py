"""The resources of an account, as found and as wanted, in shapes that can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

#: The tag of resources that this project has created; its value names the deployment.
TAG = "scf-media-query"
#: Every function has this alias, which routes its traffic and can't be deleted (583/36149).
ALIAS = "$DEFAULT"
#: Types of triggers; a function URL's is that of tencent-component-toolkit and of the Terraform provider.
TIMER, URL = "timer", "http"
#: The status of a function whose creation has failed.
CREATE_FAILED = "CreateFailed"


class Configuration(NamedTuple):
    """The configuration that updates can change, the handler included; memory in MB, timeout in seconds."""

    description: str
    handler: str
    memory: int
    timeout: int
    role: str
    environment: Mapping[str, str]

    @property
    def fields(self) -> dict[str, object]:
        """What a plan compares: each environment variable is a field of its own."""
        variables = {f"environment {name}": value for name, value in self.environment.items()}
        return {**self._replace(environment={})._asdict(), **variables}


class Trigger(NamedTuple):
    """A timer or a function URL. `setting` is the cron text, or the URL's authentication, networks and CORS.

    A trigger of another kind was created by hand: its `setting` is its TriggerDesc, and it goes only with its function.
    """

    kind: str
    name: str
    qualifier: str
    setting: Mapping[str, Any]
    argument: str = ""
    enabled: bool = True

    @property
    def fields(self) -> dict[str, object]:
        """What a plan compares: each part of the setting is a field of its own."""
        return {**self._replace(setting={})._asdict(), **self.setting}


class Version(NamedTuple):
    """A published version: its release, the release before that, and the digest of its content."""

    number: int
    release: int
    after: int
    digest: str


class WantedFunction(NamedTuple):
    """A function as in serverless.yml; `bundle` is the SHA-256 of its code's zip."""

    alias: str
    name: str
    runtime: str
    configuration: Configuration
    bundle: str
    triggers: tuple[Trigger, ...]

    @property
    def digest(self) -> str:
        """A digest of code and configuration."""
        text = json.dumps([self.bundle, self.runtime, self.configuration._asdict()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class FoundFunction(NamedTuple):
    """A function as in the account. `routed` is the version that gets all traffic, 0 if none does.

    If its creation has failed, it has neither triggers nor versions and must be made again.
    """

    name: str
    ours: bool
    status: str
    runtime: str
    configuration: Configuration
    bundle: str
    triggers: tuple[Trigger, ...]
    versions: tuple[Version, ...]
    routed: int

    @property
    def made(self) -> bool:
        """Whether its creation has succeeded."""
        return self.status != CREATE_FAILED

    @property
    def live(self) -> Version | None:
        """The version that gets all traffic, if it is one of this project's."""
        return next((version for version in self.versions if version.number == self.routed), None)


class Wanted(NamedTuple):
    """All that serverless.yml and the settings ask for; `code` is the bundle's zip in Base64."""

    project: str
    code: str
    bucket: str
    role: str
    policy: str
    policy_document: Mapping[str, Any]
    functions: tuple[WantedFunction, ...]
    gateways: tuple[str, ...] = ()


class FoundRole(NamedTuple):
    """The run role: whether this project has created it, and the names of its policies."""

    ours: bool
    policies: tuple[str, ...]


class FoundPolicy(NamedTuple):
    """The run role's policy, as CAM has it."""

    number: int
    ours: bool
    document: Mapping[str, Any]


class Account(NamedTuple):
    """What the account has; functions by name, including those that only have the project's tag."""

    bucket: bool
    role: FoundRole | None
    policy: FoundPolicy | None
    functions: Mapping[str, FoundFunction]
