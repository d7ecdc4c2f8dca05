"""`make deploy` up to Tencent's CLI, which is a script here that writes down how it was called."""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from dotenv import dotenv_values

from deploy import __main__ as deploy
from deploy import package
from shared.settings import Settings, read_settings
from tests.support.paths import ROOT

ACCOUNT = {"TENCENT_SECRET_ID": "AKIDdeployer", "TENCENT_SECRET_KEY": "key of the deployer"}
PLACE = {"COS_BUCKET": "media-1250000000", "COS_REGION": "ap-guangzhou"}
#: What the functions read that is not deployed from here: the role's keys, and what only the local cloud needs.
NOT_DEPLOYED = {"TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN"} | {
    *("COS_URL", "CI_URL", "INVOKE_URL"),  # for the local cloud
    *("SECRET_ID", "SECRET_KEY"),  # anybody who may read the function's configuration could read them
}
#: Writes down its arguments, folder and environment, and ends as it is told to.
CLI = """#!{python}
import json, os, pathlib, sys
call = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environ": dict(os.environ)}}
pathlib.Path({record!r}).write_text(json.dumps(call))
sys.exit(int(os.environ.get("CLI_STATUS", "0")))
"""


class Checkout(NamedTuple):
    """A checkout, and where the CLI writes down how it was called."""

    root: Path
    record: Path

    def deploy(self) -> int:
        return deploy.main(self.root)

    @property
    def call(self) -> Any:
        """How the CLI was called, None when it wasn't."""
        return json.loads(self.record.read_text()) if self.record.exists() else None

    @property
    def document(self) -> Any:
        """The document that the CLI finds."""
        return yaml.safe_load((self.root / "dist" / "serverless.yml").read_text())

    def change(self, old: str, new: str) -> None:
        """Replace a text of serverless.yml."""
        path = self.root / "serverless.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def install_nothing(bundle: Path) -> None:
    bundle.mkdir(parents=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout that can be deployed, by a shell that has all it needs."""
    root, programs, record = tmp_path / "root", tmp_path / "programs", tmp_path / "call.json"
    root.mkdir()
    programs.mkdir()
    (root / "functions").symlink_to(ROOT / "functions")
    (root / "serverless.yml").write_text((ROOT / "serverless.yml").read_text())
    cli = programs / "serverless-cloud-framework"
    cli.write_text(CLI.format(python=sys.executable, record=str(record)))
    cli.chmod(0o755)
    monkeypatch.setattr(package, "install_dependencies", install_nothing)
    for name in ("TENCENT_TOKEN", "TENCENT_APP_ID", "DEPLOY_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**ACCOUNT, **PLACE, "PATH": str(programs)}.items():
        monkeypatch.setenv(name, value)
    return Checkout(root, record)


def keys(document: Any) -> list[str]:
    return [entry["key"] for entry in document["inputs"]["environments"]]


def kinds(document: Any) -> list[str]:
    return [each["type"] for each in document["inputs"]["triggers"]]


def test_the_cli_deploys_the_bundle_and_the_document_beside_it(checkout: Checkout) -> None:
    assert checkout.deploy() == 0
    dist = checkout.root / "dist"
    assert checkout.call["arguments"] == ["deploy"]
    assert Path(checkout.call["folder"]) == dist.resolve()
    source = checkout.document["inputs"]["src"]["src"]
    assert (dist / source / "query_video.py").is_file()
    assert (dist / source / "shared" / "settings.py").is_file()
    assert {name: checkout.call["environ"][name] for name in {**ACCOUNT, **PLACE}} == {**ACCOUNT, **PLACE}
    document = yaml.safe_load((ROOT / "serverless.yml").read_text())
    assert checkout.document["inputs"]["functions"] == document["inputs"]["functions"]
    assert checkout.document["inputs"]["memorySize"] == document["inputs"]["memorySize"]


def test_no_secret_is_written_to_the_document(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "open sesame")
    assert checkout.deploy() == 0
    text = (checkout.root / "dist" / "serverless.yml").read_text()
    assert not [secret for secret in (*ACCOUNT.values(), "open sesame") if secret in text]
    assert checkout.call["environ"]["API_TOKEN"] == "open sesame"


def test_its_exit_status_is_passed_on(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLI_STATUS", "3")
    assert checkout.deploy() == 3


def test_flags_are_passed_on(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_FLAGS", "--stage prod --debug")
    assert checkout.deploy() == 0
    assert checkout.call["arguments"] == ["deploy", "--stage", "prod", "--debug"]


@pytest.mark.parametrize(("gateway", "deployed"), [("1", True), ("0", False), ("", False), ("yes", False)])
def test_the_gateway_is_left_out_unless_it_is_asked_for(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, gateway: str, deployed: bool
) -> None:
    monkeypatch.setenv("GATEWAY", gateway)
    assert checkout.deploy() == 0
    assert kinds(checkout.document).count("apigw") == deployed
    assert kinds(checkout.document).count("http") == kinds(checkout.document).count("timer") == 2


def test_settings_that_are_not_set_are_left_out(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_VIDS", "10")
    monkeypatch.setenv("COS_PREFIX", "")
    checkout.change("  functions:\n", "    - { key: FIXED, value: 1 }\n  functions:\n")
    assert checkout.deploy() == 0
    assert keys(checkout.document) == ["COS_BUCKET", "COS_REGION", "MAX_VIDS", "FIXED"]
    assert checkout.document["inputs"]["environments"][0]["value"] == "${env:COS_BUCKET}"


def test_a_function_s_own_list_is_prepared_alike(checkout: Checkout) -> None:
    document = yaml.safe_load((checkout.root / "serverless.yml").read_text())
    document["inputs"]["functions"]["query-audio"]["environments"] = document["inputs"].pop("environments")
    document["inputs"]["functions"]["query-video"]["environments"] = [
        {"key": name, "value": value} for name, value in PLACE.items()
    ]
    (checkout.root / "serverless.yml").write_text(yaml.safe_dump(document))
    assert checkout.deploy() == 0
    audio = checkout.document["inputs"]["functions"]["query-audio"]
    assert [entry["key"] for entry in audio["environments"]] == ["COS_BUCKET", "COS_REGION"]


def test_dotenv_is_read_and_the_environment_wins(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ACCOUNT, "COS_REGION"):
        monkeypatch.delenv(name)
    (checkout.root / ".env").write_text(
        "# a comment\nTENCENT_SECRET_ID=from-file\nTENCENT_SECRET_KEY='a $PATH and ${PATH}'\nTENCENT_TOKEN=\n"
        "COS_BUCKET=file-1\nCOS_REGION=ap-beijing\nGATEWAY=1\n"
    )
    assert checkout.deploy() == 0
    environ = checkout.call["environ"]
    assert (environ["TENCENT_SECRET_ID"], environ["TENCENT_SECRET_KEY"]) == ("from-file", "a $PATH and ${PATH}")
    assert (environ["COS_BUCKET"], environ["COS_REGION"]) == (PLACE["COS_BUCKET"], "ap-beijing")
    assert "TENCENT_TOKEN" not in environ
    assert "apigw" in kinds(checkout.document)


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"TENCENT_SECRET_ID": ""}, "TENCENT_SECRET_ID must be set: copy .env.example to .env and fill it in"),
    (
        {"TENCENT_SECRET_ID": "", "TENCENT_SECRET_KEY": ""},
        "TENCENT_SECRET_ID and TENCENT_SECRET_KEY must be set: copy .env.example to .env and fill it in",
    ),
    ({"COS_BUCKET": ""}, "COS_BUCKET must be set: results are kept there; see .env.example"),
    ({"COS_BUCKET": "", "COS_REGION": ""}, "COS_BUCKET and COS_REGION must be set"),
    ({"COS_BUCKET": "Wrong_Value"}, "COS_BUCKET must be like name-1250000000"),
    ({"MAX_VIDS": "wrong-value"}, "MAX_VIDS must be a whole number above 0"),
    ({"SIGNATURE_METHOD": "wrong-value"}, "SIGNATURE_METHOD must be HmacSHA1 or HmacSHA256"),
    ({"MEDIA_API_PARAMS": "Nonce=wrong-value"}, "MEDIA_API_PARAMS must not set Nonce"),
    ({"MEDIA_API_URL": "http://127.0.0.1:9001/wrong-value"}, "MEDIA_API_URL must be https"),
    ({"API_TOKEN": "wrong-value" * 400}, "serverless.yml: environments are over 4096 bytes together"),
    ({"PATH": "/wrong-value"}, "Tencent's CLI is missing; type: npm install --global serverless-cloud-framework"),
]


@pytest.mark.parametrize(("variables", "said"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_what_is_missing_or_wrong_is_said_in_a_line_before_anything_is_built(
    checkout: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert checkout.deploy() == 2
    error = capsys.readouterr().err
    assert error.startswith(f"deploy: {said}")
    assert error.count("\n") == 1
    assert "wrong" not in error.lower()
    assert checkout.call is None
    assert not (checkout.root / "dist").exists()


DOCUMENTS = [
    ("timeout: 30", "timeout: 0", ["deploy: serverless.yml: query-video: timeout", "query-audio: timeout"]),
    ("role: media-query-run", 'role: "${env:RUN_ROLE}"', ["deploy: RUN_ROLE must be set: serverless.yml refers"]),
    ("inputs:", "inputs: [", ["deploy: serverless.yml:", "not YAML"]),
]


@pytest.mark.parametrize(("old", "new", "said"), DOCUMENTS, ids=[row[1] for row in DOCUMENTS])
def test_a_document_that_the_engine_would_spoil_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], old: str, new: str, said: list[str]
) -> None:
    checkout.change(old, new)
    assert checkout.deploy() == 2
    error = capsys.readouterr().err
    assert [line for line in said if line not in error] == []
    assert checkout.call is None


def test_a_missing_document_is_named(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout.root / "serverless.yml").unlink()
    assert checkout.deploy() == 2
    assert "serverless.yml can't be read" in capsys.readouterr().err


def test_a_variable_outside_the_settings_is_left_to_the_cli(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_ROLE", "another-role")
    checkout.change("role: media-query-run", 'role: "${env:RUN_ROLE}"')
    assert checkout.deploy() == 0
    assert checkout.document["inputs"]["role"] == "${env:RUN_ROLE}"


def test_without_a_bundle_nothing_is_uploaded(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checkout.deploy() == 0
    checkout.record.unlink()

    def fail(_: Path) -> None:
        raise package.PackageError("package: no lock")

    monkeypatch.setattr(package, "install_dependencies", fail)
    capsys.readouterr()
    assert checkout.deploy() == 2
    assert capsys.readouterr().err == "package: no lock\n"
    assert checkout.call is None


@pytest.mark.parametrize("name", deploy.CLI_NAMES)
def test_the_cli_is_found_under_each_of_its_names(checkout: Checkout, name: str) -> None:
    programs = Path(os.environ["PATH"])
    (programs / "serverless-cloud-framework").rename(programs / name)
    (programs / "scf").write_text("#!/bin/sh\nexit 9\n")
    (programs / "scf").chmod(0o755)
    assert deploy.find_cli(os.environ) == str(programs / name)


@pytest.mark.parametrize(
    ("auth_type", "token", "gateway", "warned"),
    [
        ("NONE", "", "", True),
        ("NONE", "secret", "", False),
        ("CAM", "", "", False),
        ("CAM", "", "1", True),
        ("CAM", "secret", "1", False),
    ],
)
def test_it_warns_when_anybody_may_call(
    checkout: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    auth_type: str,
    token: str,
    gateway: str,
    warned: bool,
) -> None:
    monkeypatch.setenv("API_TOKEN", token)
    monkeypatch.setenv("GATEWAY", gateway)
    checkout.change("authType: NONE", f"authType: {auth_type}")
    assert checkout.deploy() == 0
    said = capsys.readouterr().err
    assert ("anybody may call" in said) == warned
    assert ("integrated response" in said) == (gateway == "1")


def test_a_token_that_is_not_deployed_protects_nothing(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    checkout.change('    - { key: API_TOKEN, value: "${env:API_TOKEN}" }\n', "")
    assert checkout.deploy() == 0
    assert "anybody may call" in capsys.readouterr().err


class Asked(Mapping[str, str]):
    """An environment that remembers which variables it was asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.names = set[str]()
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def test_every_setting_can_be_deployed(local_environment: Callable[..., dict[str, str]]) -> None:
    environ = Asked(local_environment())
    assert isinstance(read_settings(environ), Settings)
    document = yaml.safe_load((ROOT / "serverless.yml").read_text())
    assert set(keys(document)) == environ.names - NOT_DEPLOYED
    entries = document["inputs"]["environments"]
    assert all(entry["value"] == f"${{env:{entry['key']}}}" for entry in entries)


def test_the_example_of_env_names_all_that_is_read_and_no_secret() -> None:
    example = dotenv_values(ROOT / ".env.example")
    document = yaml.safe_load((ROOT / "serverless.yml").read_text())
    account = {*deploy.KEYS, "TENCENT_TOKEN", "TENCENT_APP_ID"}
    assert set(example) == {*account, *keys(document), "GATEWAY", "DEPLOY_FLAGS"}
    assert not any(example.values())


def test_make_deploy_s_own_command(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m deploy` refuses too; without a CLI it goes no further than that."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delitem(sys.modules, "deploy.__main__")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("deploy", run_name="__main__")
    assert ended.value.code == 2
