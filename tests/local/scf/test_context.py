"""A function's context, environment and credentials."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from local import keys
from local.scf import runtime
from local.scf.runtime import Function
from shared.signing.credentials import Credentials
from tests.support.runtime import (
    HANDLERS,
    invoke,
    spec,
    value,
)


def test_context() -> None:
    outcome = invoke("report", namespace="demo", timeout=3)
    context = value(outcome)["context"]
    environment = context.pop("environment")
    assert json.loads(str(environment)) == {"COLOUR": "青", "PLAIN": "x", "SCF_NAMESPACE": "demo"}
    assert context == {
        "memory_limit_in_mb": 512,
        "time_limit_in_ms": 3000,
        "request_id": outcome.request_id,
        "environ": "COLOUR=青;PLAIN=x;SCF_NAMESPACE=demo;SCF_NAMESPACE=demo",
        "function_version": "$LATEST",
        "function_name": "query-video",
        "namespace": "demo",
        "tencentcloud_region": keys.REGION,
        "tencentcloud_appid": keys.APP_ID,
        "tencentcloud_uin": keys.UIN,
    }
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", outcome.request_id)


def test_environment_is_scfs_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARENTS_SECRET", "leaks")
    environ = value(invoke("report", trigger="apigw"))["environ"]
    # Python itself sets this one where the machine has no such locale as LANG says.
    environ.pop("LC_CTYPE", None)
    assert environ == {
        "COLOUR": "青",
        "PLAIN": "x",
        "HOME": "/home/qcloud",
        "LANG": "en_US.UTF8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD": str(HANDLERS),
        "PYTHONDONTWRITEBYTECODE": "x",
        "PYTHONPATH": f"{HANDLERS}:/opt",
        "SCF_FUNCTIONNAME": "query-video",
        "SCF_FUNCTIONVERSION": "$LATEST",
        "SCF_NAMESPACE": "default",
        "SCF_RUNTIME": "Python3.10",
        "TENCENTCLOUD_APPID": keys.APP_ID,
        "TENCENTCLOUD_REGION": keys.REGION,
        "TENCENTCLOUD_RUNENV": "SCF",
        "TENCENTCLOUD_SECRETID": keys.ROLE.secret_id,
        "TENCENTCLOUD_SECRETKEY": keys.ROLE.secret_key,
        "TENCENTCLOUD_SESSIONTOKEN": keys.ROLE.token,
        "TENCENTCLOUD_TZ": "UTC",
        "TENCENTCLOUD_UIN": keys.UIN,
        "TZ": "UTC",
        "USER": "qcloud",
        "USER_CODE_ROOT": f"{HANDLERS}/",
    }


def test_a_folder_elsewhere_can_be_emptied(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    assert value(invoke("tidies", str(tmp_path / "own"))) is False


@pytest.mark.parametrize("handler", ["writes_through_a_link", "opens_a_link"])
def test_a_link_to_the_code_is_read_only_too(tmp_path: Path, handler: str) -> None:
    error = invoke(handler, str(tmp_path / "link")).error
    assert error is not None
    assert "Read-only file system" in str(error["stackTrace"])


def test_the_home_folder_cannot_be_made_or_written() -> None:
    assert invoke("home").result == [errno.EROFS, errno.EROFS]


def test_a_function_can_set_its_time_zone_but_no_reserved_variables() -> None:
    environment = {"TZ": "Asia/Shanghai", "SCF_RUNTIME": "mine", "TENCENTCLOUD_REGION": "mine"}
    result = value(invoke("report", environment=environment))
    assert result["utc_offset"] == 8 * 3600
    assert result["environ"]["SCF_RUNTIME"] == "Python3.10"
    assert result["environ"]["TENCENTCLOUD_REGION"] == keys.REGION


def test_path_and_directory_are_those_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.py").write_bytes((HANDLERS / "odd.py").read_bytes())
    monkeypatch.chdir(tmp_path.parent)
    result = value(invoke("report", code_dir=Path(tmp_path.name)))
    assert result["path"][:2] == [str(tmp_path), "/opt"]
    assert str(runtime.__file__).rpartition("/")[0] not in result["path"]
    assert result["cwd"] == str(tmp_path)
    assert result["http"].endswith("/http/__init__.py")
    assert list(tmp_path.iterdir()) == [tmp_path / "odd.py"]  # and no byte code


def test_cold_start_imports_little() -> None:
    modules = value(invoke("report"))["modules"]
    assert {"json", "odd"} <= set(modules)
    assert not {"logging", "traceback", "asyncio", "local", "shared", "resource"} & set(modules)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_instance_holds_no_descriptor_of_the_parent() -> None:
    # Standard streams, the two pipes, the log's copy, and the directory being listed.
    assert len(value(invoke("report"))["fds"]) == 7


def test_credentials_and_trigger_are_those_of_each_event() -> None:
    roles = iter([Credentials("AKID1", "k1", "t1"), Credentials("AKID2", "k2"), None])

    async def work() -> list[Any]:
        function = Function(spec("report"), lambda: next(roles))
        outcomes = [await function.invoke(None, trigger=trigger) for trigger in ("timer", "apigw", "timer")]
        await function.close()
        assert [outcome.init_ms is None for outcome in outcomes] == [False, True, True]
        return [value(outcome) for outcome in outcomes]

    names = ("SECRETID", "SECRETKEY", "SESSIONTOKEN")
    seen = []
    for result in asyncio.run(work()):
        environ = result["environ"]
        seen.append([*(environ.get(f"TENCENTCLOUD_{name}") for name in names), environ.get("TRIGGER_SRC")])
    assert seen == [["AKID1", "k1", "t1", "timer"], ["AKID2", "k2", None, None], [None, None, None, "timer"]]


def test_role_is_there_while_the_code_is_imported(tmp_path: Path) -> None:
    source = "import os\nSEEN = os.environ['TENCENTCLOUD_SECRETID']\ndef handler(event, context):\n    return SEEN\n"
    (tmp_path / "early.py").write_text(source)
    assert invoke("early.handler", code_dir=tmp_path).result == keys.ROLE.secret_id
