"""Each setting absent, empty, valid and invalid; whose keys win; and that nothing of them shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.keys import BUCKET, REGION, ROLE
from shared.errors import Misconfigured
from shared.settings import Settings, is_safe_key, read_settings
from shared.signing.credentials import Credentials

Environment = Callable[..., dict[str, str]]

DEFAULTS = {
    "MEDIA_API_URL": ("media_api_url", "https://cdn.api.cloud.tencent.com/v2/index.php"),
    "MEDIA_API_REGION": ("media_api_params", ()),
    "MEDIA_API_PARAMS": ("media_api_params", ()),
    "SIGNATURE_METHOD": ("signature_method", "HmacSHA1"),
    "COS_BUCKET": ("cos_bucket", ""),
    "COS_REGION": ("cos_region", ""),
    "COS_PREFIX": ("cos_prefix", "media-query/"),
    "COS_URL": ("cos_url", f"https://{BUCKET}.cos.{REGION}.myqcloud.com"),
    "API_TOKEN": ("api_token", ""),
    "HTTP_WRITES": ("http_writes", "token"),
    "MAX_VIDS": ("max_vids", 1000),
    "BATCH_SIZE": ("batch_size", 100),
    "CONCURRENCY": ("concurrency", 16),
    "MISSING_DAYS": ("missing_days", 3),
    "BACKEND": ("backend", "api2"),
    "CI_URL": ("ci_url", f"https://{BUCKET}.ci.{REGION}.myqcloud.com"),
    "CI_SOURCE_INFO": ("ci_source_info", False),
}


@pytest.mark.parametrize("empty", [False, True], ids=["absent", "empty"])
@pytest.mark.parametrize("variable", DEFAULTS)
def test_defaults(local_environment: Environment, variable: str, empty: bool) -> None:
    environ = local_environment()
    environ.pop(variable, None)
    field, expected = DEFAULTS[variable]
    assert getattr(read_settings(environ | ({variable: ""} if empty else {})), field) == expected


VALID = [
    ("MEDIA_API_URL", "https://cdn.api.qcloud.com/v2/index.php", "media_api_url", None),
    (
        "MEDIA_API_URL",
        "https://proxy.example:8443/v2/index.php/",
        "media_api_url",
        "https://proxy.example:8443/v2/index.php",
    ),
    ("MEDIA_API_REGION", "gz", "media_api_params", (("Region", "gz"),)),
    ("MEDIA_API_PARAMS", "Uin=1&AppId=2&Note=", "media_api_params", (("Uin", "1"), ("AppId", "2"), ("Note", ""))),
    ("MEDIA_API_PARAMS", "Name=%E9%9F%B3+a", "media_api_params", (("Name", "音 a"),)),
    ("SIGNATURE_METHOD", "HmacSHA256", "signature_method", None),
    ("COS_BUCKET", "a-1-125", "cos_bucket", None),
    ("COS_REGION", "eu-frankfurt", "cos_region", None),
    ("COS_PREFIX", "results", "cos_prefix", "results/"),
    ("COS_PREFIX", "results/", "cos_prefix", "results/"),
    ("COS_PREFIX", "/team-a/v1.0/", "cos_prefix", "team-a/v1.0/"),
    ("COS_URL", "https://cos.example/", "cos_url", "https://cos.example"),
    ("COS_URL", "https://cos.example\n", "cos_url", "https://cos.example"),
    ("COS_URL", "https://cos.example?", "cos_url", "https://cos.example"),
    ("API_TOKEN", "aZ9-._~+/==", "api_token", None),
    ("HTTP_WRITES", "open", "http_writes", None),
    ("HTTP_WRITES", "off", "http_writes", None),
    ("MAX_VIDS", "1", "max_vids", 1),
    ("BATCH_SIZE", "999999999", "batch_size", 999_999_999),
    ("CONCURRENCY", "32", "concurrency", 32),
    ("MISSING_DAYS", "30", "missing_days", 30),
    ("BACKEND", "ci", "backend", None),
    ("BACKEND", "api2", "backend", None),
    ("CI_URL", "http://127.0.0.1:9003/", "ci_url", "http://127.0.0.1:9003"),
    ("CI_SOURCE_INFO", "1", "ci_source_info", True),
]


@pytest.mark.parametrize(("variable", "value", "field", "expected"), VALID)
def test_valid_values(local_environment: Environment, variable: str, value: str, field: str, expected: object) -> None:
    assert getattr(read_settings(local_environment(**{variable: value})), field) == (expected or value)


URLS = ["http://media.example", "ftp://x.example", "media.example", "https://", "https://x.example?a=1"]
URLS += [
    "https://x.example#here",
    "https://user:word@x.example",
    "https://x.example:port",
    "https://[half",
    "https://x.example/\u00e9",
    "https://x.example/a b",
]
PATHS = ["/", "..", "a/../b", "a//b", "./a", "a b", "a\\b", "a%2Fb", "a?b", "a\nb", "é", "x" * 513]
NUMBERS = ["0", "-1", "1.5", "ten", " 1", "1_000", "+1", "1000000000", "१"]


def short(value: object) -> str:
    """The id of a parameter: pytest puts it into the environment, where a huge one does not fit."""
    return repr(value)[:40]


INVALID = {
    "MEDIA_API_URL": URLS,
    "COS_URL": URLS,
    "CI_URL": URLS,
    "BACKEND": ["API2", "ci ", "api3"],
    "HTTP_WRITES": ["Open", "on", "token ", "0"],
    "CI_SOURCE_INFO": ["yes", "true", " 1", "2"],
    "MEDIA_API_PARAMS": ["Uin", "Uin=1&&AppId", "=&x", "Action=Other", "Uin=1&Nonce=2", "Region=gz"],
    "SIGNATURE_METHOD": ["hmacsha1", "HmacSHA512", " HmacSHA1"],
    "COS_BUCKET": ["no-appid", "UPPER-125", "-125", "a-125/b", "a-125\n", "a-१"],
    "COS_REGION": ["AP", "ap guangzhou", "ap.guangzhou", "ap\n"],
    "COS_PREFIX": PATHS,
    "TENCENTCLOUD_SECRETID": ["id\n", " id", "\u00efd"],
    "TENCENTCLOUD_SECRETKEY": ["key\n", "a key"],
    "TENCENTCLOUD_SESSIONTOKEN": ["token\n", "a\ttoken"],
    "API_TOKEN": ["a token", "t\u00e9l\u00e9", "a=b", "=", "a,b", "line\n", "tab\t"],
    "MAX_VIDS": NUMBERS,
    "BATCH_SIZE": NUMBERS,
    "CONCURRENCY": (*NUMBERS, "501"),
    "MISSING_DAYS": (*NUMBERS[1:], "3651"),
}


@pytest.mark.parametrize(
    ("variable", "value"), [(name, value) for name, values in INVALID.items() for value in values], ids=short
)
def test_an_invalid_value(local_environment: Environment, variable: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=variable):
        read_settings(local_environment(**{variable: value}))


@pytest.mark.parametrize("variable", INVALID)
def test_an_invalid_value_is_never_shown(local_environment: Environment, variable: str) -> None:
    with pytest.raises(Misconfigured, match=variable) as raised:
        read_settings(local_environment(**{variable: "http://pass:word@hidden.example/ ?hidden#"}))
    assert not any(part in raised.value.message for part in ("pass", "word", "hidden"))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:9001/v2/index.php", True),
        ("http://127.9.9.9", True),
        ("http://localhost:9001", True),
        ("http://LOCALHOST", True),
        ("http://[::1]:9001", True),
        ("https://anywhere.example", True),
        ("http://anywhere.example", False),
        ("http://127.0.0.1.example", False),
        ("http://localhost.example", False),
        ("http://127.0.0.1@anywhere.example", False),
        ("http://128.0.0.1", False),
        ("http://0.0.0.0", False),
        ("http://127.0.0.१", False),
        ("http://[::2]", False),
    ],
)
@pytest.mark.parametrize(
    ("variable", "field"), [("MEDIA_API_URL", "media_api_url"), ("COS_URL", "cos_url"), ("CI_URL", "ci_url")]
)
def test_http_only_on_loopback(
    local_environment: Environment, variable: str, field: str, url: str, allowed: bool
) -> None:
    url += "/path"
    environ = local_environment(**{variable: url})
    if allowed:
        assert getattr(read_settings(environ), field) == url
    else:
        with pytest.raises(Misconfigured, match=variable):
            read_settings(environ)


def test_a_number_that_may_be_0_says_so(local_environment: Environment) -> None:
    with pytest.raises(Misconfigured, match="MISSING_DAYS must be a whole number, 0 or more"):
        read_settings(local_environment(MISSING_DAYS="-1"))
    with pytest.raises(Misconfigured, match="MAX_VIDS must be a whole number above 0"):
        read_settings(local_environment(MAX_VIDS="0"))


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_media_api_has_a_path_which_is_signed(local_environment: Environment, path: str) -> None:
    with pytest.raises(Misconfigured, match="MEDIA_API_URL must have a path, like"):
        read_settings(local_environment(MEDIA_API_URL=f"https://anywhere.example{path}"))


@pytest.mark.parametrize("missing", ["COS_BUCKET", "COS_REGION"])
def test_without_a_bucket_there_is_no_cos_url(local_environment: Environment, missing: str) -> None:
    assert read_settings(local_environment(**{missing: ""})).cos_url == ""
    assert read_settings(local_environment(**{missing: "", "COS_URL": "https://x.example"})).cos_url


@pytest.mark.parametrize("missing", ["COS_BUCKET", "COS_REGION"])
def test_cloud_infinite_needs_a_bucket(local_environment: Environment, missing: str) -> None:
    assert read_settings(local_environment(**{missing: ""})).ci_url == ""
    with pytest.raises(Misconfigured, match=rf"{missing}.*BACKEND=ci"):
        read_settings(local_environment(**{missing: "", "BACKEND": "ci", "CI_URL": "https://x.example"}))


def test_a_switch_that_is_off(local_environment: Environment) -> None:
    assert read_settings(local_environment(CI_SOURCE_INFO="0")).ci_source_info is False


def test_the_region_joins_the_other_parameters(local_environment: Environment) -> None:
    settings = read_settings(local_environment(MEDIA_API_PARAMS="Uin=1", MEDIA_API_REGION="gz"))
    assert settings.media_api_params == (("Uin", "1"), ("Region", "gz"))


ROLE_KEYS = {"TENCENTCLOUD_SECRETID": "role-id", "TENCENTCLOUD_SECRETKEY": "role-key"}
TOKEN = {"TENCENTCLOUD_SESSIONTOKEN": "role-token"}
OWN_KEYS = {"SECRET_ID": "own-id", "SECRET_KEY": "own-key"}
PRECEDENCE = {
    "the role's": (ROLE_KEYS | TOKEN, Credentials("role-id", "role-key", "role-token")),
    "the role's, without token": (ROLE_KEYS, Credentials("role-id", "role-key")),
    "permanent ones": (OWN_KEYS, Credentials("own-id", "own-key")),
    "permanent win, without the role's token": (OWN_KEYS | ROLE_KEYS | TOKEN, Credentials("own-id", "own-key")),
    "half a permanent pair: id": (ROLE_KEYS | {"SECRET_ID": "own-id"}, Credentials("role-id", "role-key")),
    "half a permanent pair: key": (ROLE_KEYS | {"SECRET_KEY": "own-key"}, Credentials("role-id", "role-key")),
    "an empty permanent key": (ROLE_KEYS | OWN_KEYS | {"SECRET_KEY": ""}, Credentials("role-id", "role-key")),
    "none": ({}, None),
    "a token alone": (TOKEN, None),
    "half a role's pair": ({"TENCENTCLOUD_SECRETID": "role-id"}, None),
    "halves of two pairs": ({"SECRET_ID": "own-id", "TENCENTCLOUD_SECRETKEY": "role-key"}, None),
    "an empty role's key": (ROLE_KEYS | {"TENCENTCLOUD_SECRETKEY": ""}, None),
}


@pytest.mark.parametrize(("environ", "expected"), PRECEDENCE.values(), ids=PRECEDENCE)
def test_whose_keys_sign(environ: dict[str, str], expected: Credentials | None) -> None:
    if expected:
        assert read_settings(environ).credentials == expected
    else:
        with pytest.raises(Misconfigured, match="SECRET_ID and SECRET_KEY") as raised:
            read_settings(environ)
        assert not any(value in raised.value.message for value in filter(None, environ.values()))


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda settings: f"{[settings]}"])
def test_settings_show_no_secret(local_environment: Environment, show: Callable[[Settings], str]) -> None:
    text = show(read_settings(local_environment(API_TOKEN="caller-token", MEDIA_API_PARAMS="Uin=100000000001")))
    assert BUCKET in text
    assert not any(hidden in text for hidden in (ROLE.secret_key, ROLE.token, "caller-token", "100000000001"))


@pytest.mark.parametrize("key", ["a", "a/b.json", "_-.A9", "..a", "a" * 512], ids=short)
def test_safe_keys(key: str) -> None:
    assert is_safe_key(key)


@pytest.mark.parametrize("key", ["", "a/", *PATHS, "C:\\x", "\ud800", "." * 3, "/" * 9, "a" * 10**6], ids=short)
def test_hostile_keys(key: str) -> None:
    assert not is_safe_key(key)
