"""Checks everything that needs no request: keys, settings, serverless.yml, region, bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from deploy.access import Access, need, read_access
from deploy.check import read_checked, unsupported
from deploy.document import write_document
from deploy.dotenv import switch
from deploy.errors import DeployError
from deploy.functions import MAX_ZIP
from deploy.package import build
from deploy.resources import Wanted
from deploy.wanted import environment, want
from local.config import Config
from shared.errors import Misconfigured
from shared.settings import Settings, read_settings

NEEDED = ("COS_BUCKET", "COS_REGION")


class Prepared(NamedTuple):
    """A checked deployment; `tokens` are the API tokens by function name."""

    access: Access
    wanted: Wanted
    tokens: Mapping[str, str]
    warnings: tuple[str, ...]


def prepare(root: Path, environ: Mapping[str, str]) -> Prepared:
    """Check everything, build the bundle and write dist/serverless.yml.

    Raises DeployError with one line for each problem. It sends no requests, and builds only if all else is right.
    """
    config = read_checked(root, environ)
    access = read_access(config.region, environ)
    settings = _settings(config, environ, bool(access.endpoint))
    write_document(root, environ)
    archive = build(root / "dist")
    if archive.stat().st_size > MAX_ZIP:
        raise DeployError(f"{archive.name} is over {MAX_ZIP // 2**20} MB, the limit of UpdateFunctionCode")
    wanted = want(config, settings[0], archive.read_bytes())
    tokens = {function.name: each.api_token for function, each in zip(wanted.functions, settings, strict=True)}
    return Prepared(access, wanted, tokens, tuple(_warnings(config, tokens)))


def read_names(root: Path, environ: Mapping[str, str]) -> tuple[Access, Wanted]:
    """Return the access, and the names in serverless.yml, without settings and bundle. Raises DeployError."""
    config = read_checked(root, environ)
    if problems := list(unsupported(config)):
        raise DeployError(*problems)
    return read_access(config.region, environ), want(config, None, b"")


def _settings(config: Config, environ: Mapping[str, str], local: bool) -> list[Settings]:
    """Return the settings of each function. Raises DeployError with all that is wrong with them and the file."""
    settings, problems = list[Settings](), [*unsupported(config), *_regions(config, environ)]
    for function in config.functions.values():
        try:
            settings.append(_function_settings(environment(function), local))
        except DeployError as error:
            problems += error.problems
    if len({(each.cos_bucket, each.cos_prefix, each.backend) for each in settings}) > 1:
        problems.append("COS_BUCKET, COS_PREFIX and BACKEND must be the same for all functions: they share a run role")
    if problems:
        raise DeployError(*dict.fromkeys(problems))
    return settings


def _function_settings(variables: Mapping[str, str], local: bool) -> Settings:
    """Return the settings as a function will read them. Raises DeployError for those that it would refuse."""
    need(NEEDED, variables, "results are kept there; see .env.example")
    plain = sorted(name for name, value in variables.items() if value.lower().startswith("http:"))
    if plain and not local:
        raise DeployError(f"{' and '.join(plain)} must be https: plain http reaches the local cloud only")
    try:
        return read_settings({**variables, "SECRET_ID": "of-the-run-role", "SECRET_KEY": "at-run-time"})
    except Misconfigured as error:
        raise DeployError(str(error)) from error


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
