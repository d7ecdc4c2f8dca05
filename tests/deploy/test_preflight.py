"""Problems are reported before any request and before anything is built."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping

import pytest
import yaml
from dotenv import dotenv_values

from deploy import package
from deploy.access import KEYS, Access
from deploy.errors import DeployError
from deploy.preflight import prepare
from shared.settings import Settings, read_settings
from tests.support.checkout import Checkout
from tests.support.paths import ROOT

#: What the functions read that is not deployed from here: the role's keys, and what only the local cloud needs.
NOT_DEPLOYED = {"TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN"} | {
    *("COS_URL", "CI_URL", "INVOKE_URL"),  # for the local cloud
    *("SECRET_ID", "SECRET_KEY"),  # anybody who may read the function's configuration could read them
}
#: What the deployer reads for itself.
ITS_OWN = {*KEYS, "TENCENT_TOKEN", "DEPLOY_ENDPOINT", "CROSS_REGION", "GATEWAY"}


def test_the_preparation_follows_the_file_and_the_settings(checkout: Checkout) -> None:
    prepared = prepare(checkout.root, {**checkout.variables, "MAX_VIDS": "7", "API_TOKEN": "hush"})
    assert prepared.access == Access("AKIDdeployer", "key-of-the-deployer", "", "ap-guangzhou", "ap-guangzhou", "")
    wanted = prepared.wanted
    assert (wanted.project, wanted.bucket, wanted.role) == (
        "media-query-dev-media-query",
        "media-1250000000",
        "media-query-run",
    )
    video = wanted.functions[0]
    assert video.configuration.environment == {
        "COS_BUCKET": "media-1250000000",
        "COS_REGION": "ap-guangzhou",
        "MAX_VIDS": "7",
        "API_TOKEN": "hush",
    }
    assert [(trigger.kind, trigger.name) for trigger in video.triggers] == [
        ("http", "url-trigger"),
        ("timer", "collect-video"),
    ]
    archive = (checkout.root / "dist" / "bundle.zip").read_bytes()
    assert video.bundle == hashlib.sha256(archive).hexdigest()
    assert base64.b64decode(wanted.code) == archive
    assert wanted.gateways == ("media-query",)
    assert prepared.tokens == {function.name: "hush" for function in wanted.functions}


def test_the_policy_is_the_least_that_the_functions_need(checkout: Checkout) -> None:
    document = prepare(checkout.root, {**checkout.variables, "COS_PREFIX": "results/"}).wanted.policy_document
    bucket = "qcs::cos:ap-guangzhou:uid/1250000000:media-1250000000"
    function = "qcs::scf:ap-guangzhou::namespace/default/function/media-query-dev-media-query-query"
    assert [(each["action"], each["resource"]) for each in document["statement"]] == [
        (["name/cos:GetObject", "name/cos:PutObject", "name/cos:DeleteObject"], [f"{bucket}/results/*"]),
        (["name/cos:GetBucket"], [f"{bucket}/*"]),
        (["scf:InvokeFunction"], [f"{function}-video", f"{function}-audio"]),
    ]
    more = prepare(checkout.root, {**checkout.variables, "BACKEND": "ci", "CI_SOURCE_INFO": "1"}).wanted
    actions = [action for each in more.policy_document["statement"] for action in each["action"]]
    assert actions[-2:] == ["ci:DescribeMediaJob*", "name/cos:GetObject"]


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"TENCENT_SECRET_ID": ""}, "TENCENT_SECRET_ID must be set: copy .env.example to .env and fill it in"),
    (
        {"TENCENT_SECRET_ID": "", "TENCENT_SECRET_KEY": ""},
        "TENCENT_SECRET_ID and TENCENT_SECRET_KEY must be set: copy .env.example to .env and fill it in",
    ),
    (
        {"TENCENT_SECRET_KEY": "wrong value"},
        "TENCENT_SECRET_KEY has a blank or another character that is not allowed in a key",
    ),
    (
        {"TENCENT_TOKEN": "wrong\u00e4value"},
        "TENCENT_TOKEN has a blank or another character that is not allowed in a key",
    ),
    ({"COS_BUCKET": ""}, "COS_BUCKET must be set: results are kept there; see .env.example"),
    ({"COS_BUCKET": "", "COS_REGION": ""}, "COS_BUCKET and COS_REGION must be set"),
    ({"COS_BUCKET": "Wrong_Value"}, "COS_BUCKET must be like name-1250000000"),
    ({"COS_REGION": "ap-beijing"}, "COS_REGION is ap-beijing and inputs.region of serverless.yml ap-guangzhou"),
    ({"COS_REGION": "ap-beijing", "CROSS_REGION": "yes"}, "CROSS_REGION must be 1 or 0"),
    ({"MAX_VIDS": "wrong-value"}, "MAX_VIDS must be a whole number above 0"),
    ({"SIGNATURE_METHOD": "wrong-value"}, "SIGNATURE_METHOD must be HmacSHA1 or HmacSHA256"),
    ({"MEDIA_API_PARAMS": "Nonce=wrong-value"}, "MEDIA_API_PARAMS must not set Nonce"),
    ({"MEDIA_API_URL": "http://127.0.0.1:9001/wrong-value"}, "MEDIA_API_URL must be https"),
    ({"MEDIA_API_URL": "HTTP://127.0.0.1:9001/wrong-value"}, "MEDIA_API_URL must be https"),
    ({"API_TOKEN": "wrong-value" * 400}, "serverless.yml: environments are over 4096 bytes together"),
    ({"API_TOKEN": "wrong value"}, "API_TOKEN must be letters, digits and"),
    ({"API_TOKEN": "wrong\u00e9value"}, "API_TOKEN must be letters, digits and"),
    ({"GATEWAY": "true"}, "GATEWAY must be 1 or 0"),
    ({"DEPLOY_ENDPOINT": "http://wrong.example:9000"}, "DEPLOY_ENDPOINT must be a local cloud on this machine"),
    ({"DEPLOY_ENDPOINT": "https://127.0.0.1:9000"}, "DEPLOY_ENDPOINT must be a local cloud on this machine"),
    ({"DEPLOY_ENDPOINT": "http://127.0.0.1"}, "DEPLOY_ENDPOINT must be a local cloud on this machine"),
    ({"DEPLOY_ENDPOINT": "http://127.0.0.1:wrong"}, "DEPLOY_ENDPOINT must be a local cloud on this machine"),
    ({"DEPLOY_ENDPOINT": "http://127.0.0.1:9000/path"}, "DEPLOY_ENDPOINT must be a local cloud on this machine"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=[str(row[0])[:60] for row in REFUSED])
def test_each_problem_is_one_line(checkout: Checkout, changes: dict[str, str], said: str) -> None:
    with pytest.raises(DeployError) as refused:
        prepare(checkout.root, {**checkout.variables, **changes})
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(said)
    assert "wrong" not in str(refused.value).lower()
    assert not (checkout.root / "dist").exists()


UNSUPPORTED = [
    ("  region:", "  namespace: other\n  region:", "inputs.namespace: only default is deployed"),
    ("  region:", "  vpc: { vpcId: a, subnetId: b }\n  region:", "query-video: vpc is not deployed"),
    ("  region:", "  publicAccess: false\n  region:", "query-video: publicAccess is not deployed"),
    ("description: What", "role: other\n      description: What", "role: the functions must share one run role"),
    ("description: What became of video", "description: What (became) of video", "query-video: description can have"),
]


@pytest.mark.parametrize(("old", "new", "said"), UNSUPPORTED, ids=[row[2] for row in UNSUPPORTED])
def test_what_would_be_dropped_is_refused(checkout: Checkout, old: str, new: str, said: str) -> None:
    text = (checkout.root / "serverless.yml").read_text()
    assert old in text
    (checkout.root / "serverless.yml").write_text(text.replace(old, new, 1))
    with pytest.raises(DeployError) as refused:
        prepare(checkout.root, checkout.variables)
    assert [problem for problem in refused.value.problems if problem.startswith(said)]


def test_functions_with_buckets_of_their_own_can_not_share_a_role(checkout: Checkout) -> None:
    path = checkout.root / "serverless.yml"
    document = yaml.safe_load(path.read_text())
    entries = document["inputs"].pop("environments")
    other = [{**entry, "value": "other-1250000000"} if entry["key"] == "COS_BUCKET" else entry for entry in entries]
    for alias, own in (("query-video", entries), ("query-audio", other)):
        document["inputs"]["functions"][alias]["environments"] = own
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(DeployError, match="COS_BUCKET, COS_PREFIX and BACKEND must be the same for all functions"):
        prepare(checkout.root, checkout.variables)


def test_plain_http_and_another_region_are_for_those_who_say_so(checkout: Checkout) -> None:
    local = {"MEDIA_API_URL": "http://127.0.0.1:9001/v2/index.php", "DEPLOY_ENDPOINT": "http://127.0.0.1:9000"}
    assert prepare(checkout.root, {**checkout.variables, **local}).access.endpoint == "http://127.0.0.1:9000"
    far = {"COS_REGION": "ap-beijing", "CROSS_REGION": "1"}
    access = prepare(checkout.root, {**checkout.variables, **far}).access
    assert (access.region, access.bucket_region) == ("ap-guangzhou", "ap-beijing")


def test_no_key_is_in_what_access_looks_like(checkout: Checkout) -> None:
    shown = repr(prepare(checkout.root, {**checkout.variables, "TENCENT_TOKEN": "hush"}).access)
    assert not [secret for secret in ("AKIDdeployer", "key-of-the-deployer", "hush") if secret in shown]


@pytest.mark.parametrize(
    ("auth_type", "token", "warned"), [("NONE", "", True), ("NONE", "hush", False), ("CAM", "", False)]
)
def test_it_warns_if_anyone_can_call(checkout: Checkout, auth_type: str, token: str, warned: bool) -> None:
    checkout.edit("authType: NONE", f"authType: {auth_type}")
    warnings = prepare(checkout.root, {**checkout.variables, "API_TOKEN": token}).warnings
    assert [warning.startswith("anyone can call the URL of query-") for warning in warnings] == [True, True] * warned


def test_a_token_that_is_not_deployed_protects_nothing(checkout: Checkout) -> None:
    checkout.edit('    - { key: API_TOKEN, value: "${env:API_TOKEN}" }\n', "")
    assert len(prepare(checkout.root, {**checkout.variables, "API_TOKEN": "hush"}).warnings) == 2


@pytest.mark.parametrize(("enable", "sent"), [("true", {"Enable": True, "Origins": ["a", "b"]}), ("false", {})])
def test_cors_is_sent_as_the_api_has_it(checkout: Checkout, enable: str, sent: dict[str, object]) -> None:
    cors = f"        corsConfig: {{ enable: {enable}, origins: 'a, b' }}\n"
    checkout.edit("        authType: NONE\n", f"        authType: NONE\n{cors}")
    trigger = prepare(checkout.root, checkout.variables).wanted.functions[0].triggers[0]
    assert trigger.setting["CorsConfig"] == sent


def test_a_bundle_that_can_not_be_built_or_is_too_large_is_the_end(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.preflight.MAX_ZIP", 10)
    with pytest.raises(DeployError, match=r"bundle\.zip is over"):
        prepare(checkout.root, checkout.variables)

    def fail(_: object) -> None:
        raise DeployError("no lock")

    monkeypatch.setattr(package, "install_dependencies", fail)
    with pytest.raises(DeployError, match="no lock"):
        prepare(checkout.root, checkout.variables)


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


def settings_of_the_file() -> list[str]:
    document = yaml.safe_load((ROOT / "serverless.yml").read_text())
    entries = document["inputs"]["environments"]
    assert all(entry["value"] == f"${{env:{entry['key']}}}" for entry in entries)
    return [entry["key"] for entry in entries]


def test_every_setting_can_be_deployed(local_environment: Callable[..., dict[str, str]]) -> None:
    environ = Asked(local_environment())
    assert isinstance(read_settings(environ), Settings)
    assert set(settings_of_the_file()) == environ.names - NOT_DEPLOYED


def test_the_example_of_env_names_all_that_is_read_and_no_secret() -> None:
    example = dotenv_values(ROOT / ".env.example")
    assert set(example) == {*ITS_OWN, *settings_of_the_file()}
    assert not any(example.values())
