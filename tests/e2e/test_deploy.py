"""From keys to a URL: deployed by Tencent's own SDKs to the local cloud, which checks what they sign."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416.scf_client import ScfClient

from deploy import commands, preflight
from deploy.__main__ import Command, run
from deploy.api import Clock
from local.cloud import Ports
from local.faults import Faults
from local.keys import BUCKET, PERMANENT, REGION
from tests.support import bundles
from tests.support.live import LiveCloud, live_cloud
from tests.support.paths import ROOT
from tests.support.ports import free_ports

VIDEO, AUDIO = (f"media-query-dev-media-query-query-{kind}" for kind in ("video", "audio"))
#: Waits are shorter than a person's, and a function is busy for fewer seconds than in the local cloud of `make serve`.
HASTY = Clock(time.monotonic, lambda seconds: time.sleep(seconds / 50))
DELAY = 0.04
NOTHING = "plan: 0 to create, 0 to change, 0 to remove"


class Desk:
    """A checkout, the variables of a shell, and the commands typed there."""

    def __init__(self, root: Path, live: LiveCloud, capsys: pytest.CaptureFixture[str], bundle: bytes) -> None:
        self.root, self.live = root, live
        self._bundle = bundle
        self.environ = {
            "TENCENT_SECRET_ID": PERMANENT.secret_id,
            "TENCENT_SECRET_KEY": PERMANENT.secret_key,
            "COS_BUCKET": BUCKET,
            "COS_REGION": REGION,
            "DEPLOY_ENDPOINT": live.cloud.gateway,
        }
        self._capsys = capsys
        self.error = ""

    def type(self, command: Command, status: int = 0, **changes: str) -> list[str]:
        """Run a command and return the lines that it printed; `error` is what it said on stderr."""
        self._capsys.readouterr()
        ended = run(command, self.root, {**self.environ, **changes}, as_json=False, clock=HASTY)
        printed = self._capsys.readouterr()
        self.error = printed.err
        assert ended == status, printed
        assert not [secret for secret in (PERMANENT.secret_key, "hush-token") if secret in "".join(printed)]
        return printed.out.splitlines()

    def build(self, dist: Path) -> Path:
        """Leave the bundle where a build does, and return the zip's path."""
        dist.mkdir(exist_ok=True)
        (dist / "bundle.zip").write_bytes(self._bundle)
        return dist / "bundle.zip"

    def change_code(self) -> None:
        """Have another file in the next bundle."""
        content = io.BytesIO(self._bundle)
        with zipfile.ZipFile(content, "a") as archive:
            archive.writestr("another.py", "")
        self._bundle = content.getvalue()

    def edit(self, old: str, new: str) -> None:
        """Replace a text of serverless.yml."""
        path = self.root / "serverless.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def faults(self, *faults: Mapping[str, object]) -> None:
        """Have API 3.0 fail, or no longer."""
        body = json.dumps(faults)
        requests.post(f"{self.live.cloud.gateway}/_local/faults", data=body, timeout=10).raise_for_status()

    def sdk(self, action: str, **params: object) -> Any:
        """Ask by Tencent's SDK, by hand."""
        place = HttpProfile(protocol="http", endpoint=self.live.cloud.gateway.removeprefix("http://"))
        keys = Credential(PERMANENT.secret_id, PERMANENT.secret_key)
        return ScfClient(keys, REGION, ClientProfile(httpProfile=place)).call_json(action, params)["Response"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    port = free_ports()
    with live_cloud(tmp_path_factory.mktemp("state"), ports=Ports(gateway=port, cos=port + 2)) as live:
        live.cloud.account.delay = DELAY
        yield live


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bundle of this checkout, built once."""
    return bundles.build(tmp_path_factory.mktemp("dist")).read_bytes()


@pytest.fixture
def desk(
    cloud: LiveCloud,
    bundle: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    """A desk whose account is empty, and is left so."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "functions").symlink_to(ROOT / "functions")
    shutil.copy(ROOT / "serverless.yml", root)
    desk = Desk(root, cloud, capsys, bundle)
    monkeypatch.setattr(preflight, "build", desk.build)
    yield desk
    desk.faults()
    cloud.cloud.scf.denied.clear()
    desk.type(commands.remove)


def urls(lines: list[str]) -> dict[str, str]:
    """The addresses that a deployment printed, by alias."""
    return dict(line.removeprefix("url ").split("=", 1) for line in lines if line.startswith("url "))


def test_an_empty_account_has_two_urls_that_answer(desk: Desk) -> None:
    said = desk.type(commands.deploy)
    assert "plan: 8 to create, 0 to change, 0 to remove" in said  # the bucket is there
    assert set(urls(said)) == {"query-video", "query-audio"}
    for url in urls(said).values():
        answer = requests.get(url, params={"vids": "no such id"}, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (400, 4000)
    vid = "6e50fd43c6f20d56c88d1c1d8f6db2641503390019"
    audio = requests.get(urls(said)["query-audio"], params={"vid": vid}, timeout=30)
    assert audio.json()["data"]["vid"] == vid
    assert "anyone can call the URL of query-video" in desk.error
    assert desk.type(commands.plan)[-1] == NOTHING
    assert [line for line in desk.type(commands.deploy) if line.startswith(("created", "changed"))] == []


def test_the_bundle_that_is_deployed_is_the_one_that_was_built(desk: Desk) -> None:
    said = desk.type(commands.deploy)
    built = hashlib.sha256((desk.root / "dist" / "bundle.zip").read_bytes()).hexdigest()
    assert f"code sha256 {built}" in said
    for name in (VIDEO, AUDIO):
        assert desk.sdk("GetFunctionAddress", FunctionName=name)["CodeSha256"] == built
        assert desk.sdk("GetFunction", FunctionName=name)["Description"].endswith(f"bundle {built}")
    assert (desk.root / "dist" / "serverless.yml").is_file()


def test_the_sdk_sees_what_was_deployed(desk: Desk) -> None:
    desk.type(commands.deploy, MAX_VIDS="7")
    function = desk.sdk("GetFunction", FunctionName=VIDEO)
    assert (function["Status"], function["Runtime"], function["Timeout"]) == ("Active", "Python3.10", 30)
    assert {"Key": "MAX_VIDS", "Value": "7"} in function["Environment"]["Variables"]
    assert {each["FunctionName"] for each in desk.sdk("ListFunctions")["Functions"]} == {VIDEO, AUDIO}
    triggers = desk.sdk("ListTriggers", FunctionName=AUDIO)["Triggers"]
    assert {each["Type"]: each["Qualifier"] for each in triggers} == {"timer": "$DEFAULT", "http": "$DEFAULT"}
    with pytest.raises(TencentCloudSDKException) as unknown:
        desk.sdk("GetFunction", FunctionName="nobody")
    assert unknown.value.code.startswith("ResourceNotFound")


def test_a_change_changes_just_that_and_can_be_gone_back_from(desk: Desk) -> None:
    desk.type(commands.deploy)
    desk.edit("0 5/10 * * * * *", "0 6/10 * * * * *")
    assert [line for line in desk.type(commands.plan) if line[0] in "+~-"] == ["~ timer    collect-audio"]
    desk.type(commands.deploy)
    desk.change_code()
    said = desk.type(commands.deploy)
    assert [line.split()[0] for line in said if line.startswith("      ")] == ["code:", "version:"] * 2
    assert "plan: 0 to create, 2 to change, 0 to remove" in said
    said = desk.type(commands.deploy, API_TOKEN="hush-token")
    assert "      environment API_TOKEN: not set -> (not shown)" in said
    url = urls(said)["query-video"]
    assert requests.get(url, params={"vids": "?"}, timeout=30).status_code == 401
    assert desk.type(commands.plan, API_TOKEN="hush-token")[-1] == NOTHING
    desk.type(commands.rollback)
    assert requests.get(url, params={"vids": "?"}, timeout=30).status_code == 400
    assert desk.type(commands.plan, API_TOKEN="hush-token")[-1] == "plan: 0 to create, 2 to change, 0 to remove"
    desk.type(commands.deploy, API_TOKEN="hush-token")
    assert requests.get(url, params={"vids": "?"}, timeout=30).status_code == 401


def test_removal_leaves_the_bucket_and_nothing_else(desk: Desk) -> None:
    desk.type(commands.deploy)
    desk.live.cloud.store.put("media-query/results/video.json", b"{}", {})
    said = desk.type(commands.remove)
    assert said[-1] == "the bucket and its objects are kept"
    assert desk.sdk("ListFunctions")["Functions"] == []
    assert (desk.live.cloud.account.roles, desk.live.cloud.account.policies) == ({}, {})
    assert desk.live.stored("media-query/results/video.json") == {}
    assert desk.type(commands.remove)[-2] == NOTHING


@pytest.mark.parametrize("seed", [1, 21, 23])
def test_one_request_in_five_failing_in_six_ways_ends_in_the_same_account(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """No function is busy, so that each seed always spoils the same replies: looks at a busy one depend on the time."""
    monkeypatch.setattr(desk.live.cloud.account, "delay", 0)
    monkeypatch.setattr(desk.live.cloud.scf_front, "faults", Faults(random.Random(seed).random))
    ways: list[dict[str, object]] = [
        {"kind": "reset"},
        {"kind": "http", "value": 503},
        {"kind": "truncate"},
        {"kind": "garbage"},
        {"kind": "code", "value": "InternalError"},
        {"kind": "code", "value": "RequestLimitExceeded"},
    ]
    desk.faults(*({**way, "rate": 0.035} for way in ways))
    desk.type(commands.deploy)
    desk.type(commands.deploy, MAX_VIDS="9")
    desk.faults()
    assert desk.type(commands.plan, MAX_VIDS="9")[-1] == NOTHING
    versions = desk.sdk("ListVersionByFunction", FunctionName=VIDEO)["Versions"]
    assert sorted(each["Version"] for each in versions) == ["$LATEST", "1", "2"]


REFUSED = [
    ({"TENCENT_SECRET_ID": "AKIDnobody"}, "the account's keys are not known: check TENCENT_SECRET_ID"),
    ({"TENCENT_SECRET_KEY": "wrong"}, "the signature does not verify: check TENCENT_SECRET_KEY"),
    ({"DEPLOY_ENDPOINT": "http://127.0.0.1:1"}, "was not answered (connection refused): check the network"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
@pytest.mark.parametrize("command", [commands.plan, commands.deploy, commands.remove, commands.rollback])
def test_what_is_wrong_is_said_in_a_line(desk: Desk, command: Command, changes: dict[str, str], said: str) -> None:
    desk.type(command, status=2, **{"API_TOKEN": "hush-token", **changes})
    assert desk.error.startswith("deploy: scf:ListFunctions")
    assert said in desk.error
    assert desk.error.count("\n") == 1


@pytest.mark.parametrize("permission", ["scf:GetFunction", "scf:CreateFunction", "cam:CreateRole", "cam:GetRole"])
def test_a_missing_permission_is_named_and_once_given_deploying_continues(desk: Desk, permission: str) -> None:
    desk.live.cloud.scf.denied.add(permission)
    desk.type(commands.deploy, status=2, API_TOKEN="hush-token")
    assert desk.error == (
        f"deploy: {permission}: the keys lack the permission {permission}: "
        "add it to the deployer's policy, see docs/deploying.md\n"
    )
    desk.live.cloud.scf.denied.clear()
    assert len(urls(desk.type(commands.deploy))) == 2


def test_another_region_is_refused_before_anything_is_changed(desk: Desk) -> None:
    desk.edit("region: ap-guangzhou", "region: ap-shanghai")
    desk.type(commands.deploy, status=2)
    assert "COS_REGION is ap-guangzhou and inputs.region of serverless.yml ap-shanghai" in desk.error
    desk.type(commands.deploy, status=2, CROSS_REGION="1")
    assert "the region is not served: check inputs.region of serverless.yml" in desk.error
    desk.edit("region: ap-shanghai", "region: ap-guangzhou")


def test_a_full_quota_is_said_and_the_next_run_goes_on(desk: Desk) -> None:
    desk.type(commands.deploy)
    desk.faults({"kind": "code", "value": "LimitExceeded.Function", "times": 1})
    desk.type(commands.plan, status=2, API_TOKEN="hush-token")
    assert "a quota of the account is full (LimitExceeded.Function)" in desk.error
    assert desk.type(commands.plan)[-1] == NOTHING


def test_a_bucket_that_is_not_there_is_made(desk: Desk) -> None:
    said = desk.type(commands.deploy, COS_BUCKET="results-1253125191")
    assert "+ bucket   results-1253125191" in said
    assert desk.type(commands.plan, COS_BUCKET="results-1253125191")[-1] == NOTHING


def test_a_machine_reads_one_object_a_line(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(commands.deploy, desk.root, desk.environ, as_json=True, clock=HASTY) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[:4], kinds[-1]) == (["warning", "warning", "code", "plan"], "url")
    code, plan = events[2:4]
    assert (plan["create"], plan["change"], plan["remove"]) == (8, 0, 0)
    assert code["sha256"] == hashlib.sha256((desk.root / "dist" / "bundle.zip").read_bytes()).hexdigest()
    assert all(event["seconds"] >= 0 for event in events if event["event"] == "step")
