"""What the account has: deployed functions with states, versions, aliases and triggers; roles and policies.

Names are those of SCF's API (tencentcloud-sdk-python-scf, models.py), states those of "Function and Layer Status
Description" (583/37883). No document says how long a state lasts; here it is `delay` seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_pascal

from local.config import TimerTrigger
from local.scf.api.packages import Packages
from local.scf.api.parameters import ApiError, Tag

LATEST, DEFAULT = "$LATEST", "$DEFAULT"
#: The states that end by themselves, and the states after a failure: publishing and deleting do not fail here.
BUSY = {"Creating": "CreateFailed", "Updating": "UpdateFailed", "Publishing": "", "Deleting": ""}
#: How long a state of BUSY lasts, in seconds.
DELAY = 0.3
#: The API's times are taken to be Beijing time, as its crons are; no page says so.
BEIJING = timezone(timedelta(hours=8))


class Resource(BaseModel):
    """A resource of the account; on the wire and on disk, fields have the API's names."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, extra="forbid")


class Settings(Resource):
    """The content of a version: its code (the SHA-256 of a package) and its configuration."""

    code: str
    code_size: int
    handler: str
    runtime: str
    description: str = ""
    memory_size: int = 128
    timeout: int = 3
    init_timeout: int = 65
    role: str = ""
    environment: dict[str, str] = {}


class Version(Resource):
    """A published version; at `ready_at` (Unix seconds) its state Publishing ends."""

    settings: Settings
    description: str
    add_time: str
    ready_at: float


class Alias(Resource):
    """An alias; `weights` gives the share of calls, 0 to 1, of versions other than the main one."""

    name: str
    function_version: str
    description: str = ""
    weights: dict[str, float] = {}
    add_time: str
    mod_time: str


class Trigger(Resource):
    """A trigger; `trigger_desc` is the bare cron of a timer, the JSON of a function URL."""

    trigger_name: str
    type: str
    trigger_desc: str
    qualifier: str
    enable: bool
    custom_argument: str = ""
    description: str = ""
    add_time: str
    mod_time: str


class Function(Resource):
    """A function: `settings` are those last written, `running` those of $LATEST, None until it is active."""

    function_name: str
    function_id: str
    tags: list[Tag] = []
    add_time: str
    mod_time: str
    settings: Settings
    running: Settings | None = None
    status: str = "Creating"
    until: float = 0
    failure: str = ""
    versions: dict[str, Version] = {}
    next_version: int = 1
    aliases: dict[str, Alias] = {}
    triggers: list[Trigger] = []

    def settle(self, now: float) -> bool:
        """End a state whose time is over; return False if the function is deleted by that."""
        if self.status in BUSY and now >= self.until:
            if self.status == "Deleting":
                return False
            if self.status != "Publishing" and not self.failure:
                self.running = self.settings
            self.status = BUSY[self.status] if self.failure else "Active"
        return True


class Role(Resource):
    """A role of CAM; `policies` maps the ids of attached policies to the times of attachment."""

    role_name: str
    role_id: str
    policy_document: str
    description: str = ""
    session_duration: int = 0
    tags: list[Tag] = []
    policies: dict[int, str] = {}
    add_time: str
    update_time: str


class Policy(Resource):
    """A custom policy of CAM."""

    policy_id: int
    policy_name: str
    policy_document: str
    description: str = ""
    add_time: str
    update_time: str


class State(Resource):
    """The content of an account."""

    functions: dict[str, Function] = {}
    roles: dict[str, Role] = {}
    policies: dict[int, Policy] = {}
    next_id: int = 1


class Account:
    """The account, kept in `<folder>/account.json`. `clock` gives Unix time in seconds.

    `roles` are kept by name, `policies` by id; `packages` has the functions' code. `gateway` is the URL that function
    URLs begin with; the cloud sets it once it listens. Raises ValueError if the file holds no account, OSError if it
    can't be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock: Callable[[], float] = time.time
        self.delay = DELAY
        self.gateway = ""
        self._path = folder / "account.json"
        self._state = self._read()
        self._saved = ""
        self.roles, self.policies = self._state.roles, self._state.policies
        self.packages = Packages(folder / "code", self.codes())

    def _read(self) -> State:
        try:
            return State.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return State()
        except ValidationError as error:
            raise ValueError(f"{self._path} holds no account; without it the account is empty") from error

    def save(self) -> None:
        """Write the account to disk in one step, if it has changed. Raises OSError."""
        text = self._state.model_dump_json(by_alias=True, indent=1)
        if text == self._saved:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, self._path)
        self._saved = text

    @property
    def functions(self) -> dict[str, Function]:
        """The functions by name, each in its current state."""
        for name, function in list(self._state.functions.items()):
            if not function.settle(self.clock()):
                del self._state.functions[name]
        return self._state.functions

    def function(self, name: str, namespace: str = "default") -> Function:
        """Return a function. Raises ApiError."""
        function = self.functions.get(name) if namespace == "default" else None
        if function is None:
            raise ApiError("ResourceNotFound.FunctionName", f"there is no function {name[:64]!a} in {namespace[:64]!a}")
        return function

    def timers(self) -> list[TimerTrigger]:
        """Return the timers of all functions; each calls `<function>:<version or alias>`."""
        return [
            TimerTrigger(
                function=f"{function.function_name}:{trigger.qualifier}",
                name=trigger.trigger_name,
                cron=trigger.trigger_desc,
                message=trigger.custom_argument,
                enabled=trigger.enable,
            )
            for function in self.functions.values()
            for trigger in function.triggers
            if trigger.type == "timer"
        ]

    def codes(self) -> set[str]:
        """Return the SHA-256 of every package that a function or version needs."""
        used: set[str] = set()
        for function in self.functions.values():
            versions = [version.settings for version in function.versions.values()]
            used |= {settings.code for settings in (function.settings, function.running, *versions) if settings}
        return used

    def begin(self, function: Function, status: str, failure: str = "") -> float:
        """Let a function enter a state of BUSY, after which it has failed if there is a `failure`; return its end."""
        function.status, function.until, function.failure = status, self.clock() + self.delay, failure
        return function.until

    def now(self) -> str:
        """Return the current time in the API's form."""
        return datetime.fromtimestamp(self.clock(), BEIJING).strftime("%Y-%m-%d %H:%M:%S")

    def new_id(self) -> int:
        """Return an id that is not used in the account."""
        self._state.next_id += 1
        return self._state.next_id
