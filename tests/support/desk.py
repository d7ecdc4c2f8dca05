"""The local cloud's account as a deployer meets it: Tencent's own clients, on real sockets, and a clock to turn."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from local.cloud import Cloud, Ports
from local.keys import PERMANENT, REGION
from shared.signing.credentials import Credentials
from tests.support.clock import Clock
from tests.support.live import LiveCloud, running
from tests.support.paths import ROOT

NOW = 1_700_000_000.0
VERSIONS = {"scf": "2018-04-16", "cam": "2019-01-16", "sts": "2018-08-13"}
NAME = "my-function"
CODE = "def main(event, context):\n    return {'event': event, 'version': context['function_version'], 'code': 1}\n"
#: Who may take the run role.
TRUST = {
    "version": "2.0",
    "statement": [
        {"action": "name/sts:AssumeRole", "effect": "allow", "principal": {"service": ["scf.qcloud.com"]}},
    ],
}


class Desk:
    """A running cloud, its clock and its clients."""

    def __init__(self, live: LiveCloud, clock: Clock) -> None:
        self.cloud = live.cloud
        self.log = live.log
        self.wait = live.wait
        self.clock = clock

    def scf(self, action: str, /, **parameters: object) -> dict[str, Any]:
        """Call an action of SCF on NAME, or on the FunctionName that is given."""
        named = parameters if action == "ListFunctions" else {"FunctionName": NAME, **parameters}
        return self.call("scf", action, named)

    def cam(self, action: str, /, **parameters: object) -> dict[str, Any]:
        """Call an action of CAM."""
        return self.call("cam", action, parameters)

    def call(
        self, service: str, action: str, parameters: Mapping[str, object], keys: Credentials = PERMANENT
    ) -> dict[str, Any]:
        """Call an action with Tencent's client. Raises TencentCloudSDKException."""
        endpoint = self.cloud.gateway.removeprefix("http://")
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint))
        client = CommonClient(service, VERSIONS[service], Credential(*keys), REGION, profile)
        try:
            response: dict[str, Any] = client.call_json(action, dict(parameters))["Response"]
        finally:
            client.request.conn._session.close()
        return response

    def refusal(self, action: str, given: Mapping[str, object] | None = None, /, **parameters: object) -> str:
        """The code of an action of SCF, or `cam.<action>`, that is refused."""
        service, _, name = action.rpartition(".")
        with pytest.raises(TencentCloudSDKException) as refused:
            (self.cam if service else self.scf)(name, **(given or {}), **parameters)
        assert refused.value.get_message()
        return str(refused.value.get_code())

    def settle(self) -> None:
        """Let the time pass that a state lasts."""
        self.clock.now += self.cloud.account.delay

    def create(self, name: str = NAME, code: str = CODE, **parameters: object) -> None:
        """Create a function, and let it become active, or fail."""
        given = {"Handler": "index.main", "Runtime": "Python3.10", "Code": {"ZipFile": package(code)}, **parameters}
        self.scf("CreateFunction", FunctionName=name, **given)
        self.settle()

    def update(self, code: str, name: str = NAME) -> None:
        """Give a function other code, and let it become active, or fail."""
        self.scf("UpdateFunctionCode", FunctionName=name, ZipFile=package(code))
        self.settle()

    def publish(self, name: str = NAME) -> str:
        """Publish a version and return its number."""
        number = str(self.scf("PublishVersion", FunctionName=name)["FunctionVersion"])
        self.settle()
        return number

    def status(self, name: str = NAME) -> str:
        """The state of a function."""
        return str(self.scf("GetFunction", FunctionName=name)["Status"])

    def run(self, name: str = NAME, **parameters: object) -> Any:
        """What a function returns when it is invoked."""
        result = self.scf("Invoke", FunctionName=name, **parameters)["Result"]
        return json.loads(result["RetMsg"])


def package(code: str, file: str = "index.py") -> str:
    """A zip with one file, as Base64; the same at any time, since it is part of tests' names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(file), code)
    return base64.b64encode(buffer.getvalue()).decode()


def variables(**values: str) -> dict[str, object]:
    """Environment variables as the API takes and returns them."""
    return {"Variables": [{"Key": key, "Value": value} for key, value in values.items()]}


async def _call(act: Callable[[], None]) -> None:
    act()


@contextmanager
def desk(state: Path, timers: bool = False) -> Iterator[Desk]:
    """A cloud whose state lies in `state`, in a thread of its own."""
    log: list[str] = []
    cloud, clock = Cloud(ROOT, state, {}, Ports(), log.append), Clock(NOW)
    cloud.account.clock = clock
    with running(cloud, log) as live:
        if timers:
            live.wait(_call(cloud.start_timers))
        yield Desk(live, clock)
