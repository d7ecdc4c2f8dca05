"""Checks everything that needs no request: keys, settings, serverless.yml, region, bundle."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from deploy.access import Access
from deploy.document import read_checked, switch, wants_gateway, write_document
from deploy.errors import DeployError
from deploy.functions import MAX_ZIP
from deploy.package import build
from deploy.resources import Wanted
from deploy.wanted import environment, refusals, want
from local.config import Config
from shared.errors import Misconfigured
from shared.settings import Settings, read_settings

KEYS = ("TENCENT_SECRET_ID", "TENCENT_SECRET_KEY")
NEEDED = ("COS_BUCKET", "COS_REGION")
#: Plain HTTP is allowed for this machine only.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: The form of a key: ASCII without blanks, since it is sent in a header.
_KEY = re.compile(r"[!-~]+")


class Prepared(NamedTuple):
    """A checked deployment. `archive` is the bundle's zip; `tokens` are the API tokens by function name."""

    access: Access
    wanted: Wanted
    archive: bytes
    tokens: Mapping[str, str]
    warnings: tuple[str, ...]


def prepare(root: Path, environ: Mapping[str, str]) -> Prepared:
    """Check everything, build the bundle and write dist/serverless.yml.

    Raises DeployError with one line for each problem. It sends no requests, and builds only if all else is right.
    """
    config = read_checked(root, environ)
    access = read_access(config, environ)
    problems = [*refusals(config), *_regions(config, environ)]
    settings = list(_settings(config, bool(access.endpoint), problems))
    if len({(each.cos_bucket, each.cos_prefix, each.backend) for each in settings}) > 1:
        problems.append("COS_BUCKET, COS_PREFIX and BACKEND must be the same for all functions: they share a run role")
    if problems:
        raise DeployError(*dict.fromkeys(problems))
    wants_gateway(environ)
    archive = build(root / "dist")
    write_document(root, environ)
    code = archive.read_bytes()
    if len(code) > MAX_ZIP:
        raise DeployError(f"{archive.name} is over {MAX_ZIP // 2**20} MB, the limit of UpdateFunctionCode")
    wanted = want(config, settings[0], hashlib.sha256(code).hexdigest())
    tokens = {function.name: each.api_token for function, each in zip(wanted.functions, settings, strict=True)}
    return Prepared(access, wanted, code, tokens, tuple(_warnings(config, tokens)))


def read_access(config: Config, environ: Mapping[str, str]) -> Access:
    """Return the keys, the regions and the endpoint. Raises DeployError."""
    need(KEYS, environ, "copy .env.example to .env and fill it in")
    token = environ.get("TENCENT_TOKEN", "")
    for name, value in (*((name, environ[name]) for name in KEYS), ("TENCENT_TOKEN", token or "-")):
        if not _KEY.fullmatch(value):
            raise DeployError(f"{name} has a blank or another character that is not allowed in a key")
    return Access(
        secret_id=environ["TENCENT_SECRET_ID"],
        secret_key=environ["TENCENT_SECRET_KEY"],
        token=token,
        region=config.region,
        bucket_region=environ.get("COS_REGION", ""),
        endpoint=_endpoint(environ.get("DEPLOY_ENDPOINT", "")),
    )


def _settings(config: Config, local: bool, problems: list[str]) -> Iterator[Settings]:
    """Yield the settings of each function; add problems to `problems`."""
    for function in config.functions.values():
        try:
            yield check_settings(environment(function), local)
        except DeployError as error:
            problems += error.problems


def check_settings(variables: Mapping[str, str], local: bool) -> Settings:
    """Return the settings as a function will read them. Raises DeployError for those that it would refuse."""
    need(NEEDED, variables, "results are kept there; see .env.example")
    plain = sorted(name for name, value in variables.items() if value.lower().startswith("http:"))
    if plain and not local:
        raise DeployError(f"{' and '.join(plain)} must be https: plain http reaches the local cloud only")
    try:
        return read_settings({**variables, "SECRET_ID": "of the run role", "SECRET_KEY": "at run time"})
    except Misconfigured as error:
        raise DeployError(str(error)) from error


def need(names: tuple[str, ...], variables: Mapping[str, str], advice: str) -> None:
    """Raise DeployError naming the variables that are missing."""
    missing = [name for name in names if not variables.get(name)]
    if missing:
        raise DeployError(f"{' and '.join(missing)} must be set: {advice}")


def _endpoint(text: str) -> str:
    """Return the local cloud's URL, "" for Tencent's. Keys are sent nowhere else."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        fine = parts.scheme == "http" and parts.hostname in LOOPBACK and parts.port is not None
    except ValueError:
        fine = False
    if not fine or parts.path.strip("/") or parts.query or parts.username:
        raise DeployError("DEPLOY_ENDPOINT must be a local cloud on this machine, like http://127.0.0.1:9000")
    return f"http://{parts.netloc}"


def _regions(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    region = environ.get("COS_REGION", "")
    if region and region != config.region and not switch(environ, "CROSS_REGION"):
        yield (
            f"COS_REGION is {region} and inputs.region of serverless.yml {config.region}: traffic between regions "
            "costs time and money; make them the same, or set CROSS_REGION=1"
        )


def _warnings(config: Config, tokens: Mapping[str, str]) -> Iterator[str]:
    for url in config.urls:
        public = url.auth_type == "NONE" and url.net_config.enable_extranet
        if public and not tokens[config.functions[url.function].name]:
            yield f"anyone can call the URL of {url.function}: set API_TOKEN, or authType: CAM"
