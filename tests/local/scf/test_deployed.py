"""Deployed functions: called by URL, name and version, with the local services."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from local.keys import APP_ID, BUCKET, PERMANENT, REGION, ROLE
from local.server import MAX_BODY
from shared.signing.cos import cos_authorization
from tests.local.scf.api.test_triggers import PUBLIC, URL
from tests.support.desk import CODE, NAME, TRUST, Desk, desk, package, variables

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

ENVIRON = "import os\ndef main(event, context):\n    return dict(os.environ)\n"


def url_of(account: Desk, **parameters: object) -> str:
    """Give the function a URL and return it."""
    told = account.scf("CreateTrigger", **{**URL, **parameters})["TriggerInfo"]["TriggerDesc"]
    return str(json.loads(told)["NetConfig"]["ExtranetUrl"])


def got(url: str) -> requests.Response:
    return requests.get(url, timeout=60)


def test_a_url_answers_with_what_the_function_returns(account: Desk) -> None:
    account.create()
    url = url_of(account)
    event = requests.post(f"{url}/path?a=b", data="body", timeout=60).json()["event"]
    assert (event["httpMethod"], event["path"], event["queryString"]) == ("POST", "/path", {"a": "b"})
    assert event["body"] == "body"
    assert got(url).json()["event"]["path"] == "/"
    assert got(f"{url}x").status_code == 404


def test_a_url_runs_the_version_that_default_leads_to(account: Desk) -> None:
    account.create()
    url = url_of(account)
    latest = url_of(account, TriggerName="latest", Qualifier="$LATEST")
    account.publish()
    account.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1")
    account.update(CODE.replace("1", "2"))
    assert [(got(one).json()["version"], got(one).json()["code"]) for one in (url, latest)] == [
        ("1", 1),
        ("$LATEST", 2),
    ]
    account.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion=account.publish())
    assert got(url).json()["code"] == 2


def test_a_closed_or_deleted_url_does_not_answer(account: Desk) -> None:
    account.create()
    url = url_of(account)
    account.scf("UpdateTrigger", **URL, Enable="CLOSE")
    assert got(url).status_code == 404
    private = json.dumps({"NetConfig": {"EnableExtranet": False}})
    account.scf("UpdateTrigger", **{**URL, "TriggerDesc": private}, Enable="OPEN")
    assert got(url).status_code == 404
    account.scf("UpdateTrigger", **URL)
    assert got(url).status_code == 200
    account.scf("DeleteTrigger", TriggerName="url-trigger", Type="http", Qualifier="$DEFAULT")
    assert got(url).status_code == 404


def test_a_url_behind_cam_is_not_emulated_and_says_so(account: Desk) -> None:
    account.create()
    url = url_of(account, TriggerDesc=PUBLIC.replace("NONE", "CAM"))
    reply = got(url)
    assert reply.status_code == 403
    assert "CAM" in reply.json()["message"]


def test_the_environment_leads_to_the_local_services_unless_it_says_otherwise(account: Desk) -> None:
    account.create(code=ENVIRON, Environment=variables(MEDIA_API_URL="http://127.0.0.1:1/", A="b"))
    environ = account.run()
    cloud = account.cloud
    expected = {
        "MEDIA_API_URL": "http://127.0.0.1:1/",
        "A": "b",
        "COS_URL": cloud.cos,
        "CI_URL": cloud.ci,
        "INVOKE_URL": cloud.gateway,
        "SCF_FUNCTIONNAME": NAME,
        "SCF_FUNCTIONVERSION": "$LATEST",
    }
    assert {name: environ[name] for name in expected} == expected
    assert "COS_BUCKET" not in environ


def test_only_a_function_with_a_role_has_keys(account: Desk) -> None:
    account.create(code=ENVIRON)
    assert "TENCENTCLOUD_SECRETID" not in account.run()
    account.cam("CreateRole", RoleName="run", PolicyDocument=json.dumps(TRUST))
    account.scf("UpdateFunctionConfiguration", Role="run")
    account.settle()
    assert account.run()["TENCENTCLOUD_SECRETID"] == ROLE.secret_id


def cos(method: str, url: str, path: str, host: str = "", body: bytes = b"") -> requests.Response:
    """A signed request to COS."""
    named = host or url.removeprefix("http://")
    key_time = f"{int(time.time()) - 60};{int(time.time()) + 600}"
    authorization = cos_authorization(PERMANENT, method, path, {}, {"host": named}, key_time)
    headers = {"Host": named, "Authorization": authorization}
    return requests.request(method, url + path, headers=headers, data=body, timeout=60)


def test_a_function_reaches_the_bucket_that_it_names(account: Desk) -> None:
    other = f"other-{APP_ID}"
    host = f"{other}.cos.{REGION}.myqcloud.com"

    def url_in(bucket: str) -> str:
        account.scf("UpdateFunctionConfiguration", Environment=variables(COS_BUCKET=bucket))
        account.settle()
        return str(account.run()["COS_URL"])

    account.create(code=ENVIRON)
    assert url_in(BUCKET) == url_in(other) == account.cloud.cos
    assert cos("PUT", account.cloud.cos, "/", host).status_code == 200
    url = url_in(other)
    assert url not in (account.cloud.cos, url_in(BUCKET))
    assert url_in(other) == url
    assert b"EntityTooLarge" in cos("PUT", url, "/key", body=bytes(MAX_BODY + 1)).content
    cos("PUT", url, "/key", body=b"x")
    assert cos("GET", account.cloud.cos, "/key", host).content == b"x"
    assert cos("GET", account.cloud.cos, "/key").status_code == 404
    faults: list[dict[str, str | int]] = [{"kind": "http", "value": 503, "times": 1}]
    requests.post(f"{account.cloud.cos}/_local/faults", json=faults, timeout=60)
    assert [cos("GET", url, "/key").status_code for _ in range(2)] == [503, 200]


def test_an_update_reaches_the_next_call_and_ends_no_other(account: Desk) -> None:
    account.create(code=CODE)
    assert account.run()["code"] == 1
    account.scf("UpdateFunctionCode", ZipFile=package(CODE.replace("1", "2")))
    assert account.run()["code"] == 1  # while it is Updating, what was there before runs (583/37883)
    account.settle()
    assert account.run()["code"] == 2


def test_a_call_outlives_the_update_of_its_function(account: Desk, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    account.create(code=f"def main(event, context):\n    return open({str(go)!r}).read()\n", Timeout=60)
    results: list[Any] = []
    caller = threading.Thread(target=lambda: results.append(account.run()))
    caller.start()
    with go.open("w") as pipe:  # opens once the function reads
        account.update(CODE)
        assert account.run()["code"] == 1
        pipe.write("done")
    caller.join()
    assert results == ["done"]


def test_deleting_a_function_forgets_its_instances_and_code_that_is_asked_for(account: Desk) -> None:
    account.create()
    url = url_of(account)
    assert got(url).status_code == 200
    account.scf("DeleteFunction")
    account.settle()
    assert got(url).status_code == 404
    outcome = account.wait(account.cloud.invoke(f"{NAME}:$LATEST", {}))
    assert (outcome.status, outcome.ok) == (400, False)
    assert account.scf("ListFunctions")["TotalCount"] == 0


def test_code_is_unpacked_read_only(account: Desk) -> None:
    account.create()
    code = account.cloud.account.packages.path(account.cloud.account.functions[NAME].settings.code)
    assert [(path.name, path.stat().st_mode & 0o222) for path in code.iterdir()] == [("index.py", 0)]


def test_the_account_survives_a_restart(tmp_path: Path) -> None:
    with desk(tmp_path) as opened:
        opened.create()
        url_of(opened)
        opened.publish()
        opened.update(CODE.replace("1", "2"))
        opened.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1")
        opened.create("gone", code=CODE + "#")
        unused = opened.cloud.account.functions["gone"].settings.code
        opened.cam("CreateRole", RoleName="run", PolicyDocument=json.dumps(TRUST))
        opened.scf("DeleteFunction", FunctionName="gone")
        opened.scf("UpdateFunctionConfiguration", Timeout=9)
    with desk(tmp_path) as again:
        again.settle()
        assert again.scf("ListFunctions")["TotalCount"] == 1
        read = again.scf("GetFunction")
        assert (read["Status"], read["Timeout"]) == ("Active", 9)
        described = json.loads(read["Triggers"][0]["TriggerDesc"])
        url = described["NetConfig"]["ExtranetUrl"]
        assert url.startswith(again.cloud.gateway)
        assert got(url).json()["code"] == 1
        assert again.run()["code"] == 2
        assert again.cam("GetRole", RoleName="run")["RoleInfo"]["RoleName"] == "run"
    with desk(tmp_path) as last:
        assert not last.cloud.account.packages.path(unused).exists()
        assert last.run()["code"] == 2


def test_an_account_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with desk(tmp_path) as opened:
        opened.create()
        file = opened.cloud.account.folder / "account.json"
    file.write_text(file.read_text()[:-20])
    with pytest.raises(ValueError, match=r"account\.json holds no account"), desk(tmp_path):
        pass


def test_the_account_is_written_only_when_it_changes(account: Desk) -> None:
    account.create()
    file = account.cloud.account.folder / "account.json"
    account.scf("GetFunction")
    file.unlink()
    account.scf("ListFunctions")
    assert not file.exists()
    account.scf("PublishVersion")
    assert file.exists()


def test_a_disk_that_takes_nothing_is_an_internal_error(tmp_path: Path) -> None:
    with desk(tmp_path) as opened:
        opened.create()
        (opened.cloud.account.folder / "account.new").mkdir()
        assert opened.refusal("PublishVersion") == "InternalError"


def test_a_deployed_function_works_beside_an_alias_of_the_same_name(account: Desk) -> None:
    account.create("query-video")
    assert account.run("query-video")["code"] == 1
    account.scf("CreateTrigger", FunctionName="query-video", **URL)
    assert got(f"{account.cloud.gateway}/_url/query-video").json()["code"] == 1
