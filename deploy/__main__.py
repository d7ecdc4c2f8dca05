"""`make deploy`: the bundle and serverless.yml to Tencent Cloud, by Tencent's own CLI.

Everything that can be wrong is found before anything is uploaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from deploy.check import REFERENCE, check_for_deploy
from deploy.package import ROOT, PackageError, build
from local.config import ConfigError, read_config
from shared.errors import Misconfigured
from shared.settings import Settings, read_settings

#: Tencent's CLI under the names of its packages. Not `scf`: that was also the name of an older, unrelated tool.
CLI_NAMES = ("serverless-cloud-framework", "serverless-tencent", "slt", "serverless", "sls")
KEYS = ("TENCENT_SECRET_ID", "TENCENT_SECRET_KEY")
NEEDED = ("COS_BUCKET", "COS_REGION")


class DeployError(Exception):
    """The deployment can't start; the message says, a line each, what is missing and what to type."""


def main(root: Path = ROOT) -> int:
    """Deploy the checkout `root` and return the CLI's exit status, or 2 when something is missing or wrong."""
    environ = {**read_dotenv(root / ".env"), **os.environ}
    try:
        document = prepared(read_document(root / "serverless.yml", environ), environ)
        settings = check_settings(document, environ)
        cli = find_cli(environ)
        build(root / "dist")
    except (DeployError, PackageError) as error:
        print(error, file=sys.stderr)
        return 2
    if is_open(document) and not all(each.api_token for each in settings):
        print("deploy: anybody may call the functions' URLs: set API_TOKEN, or authType: CAM", file=sys.stderr)
    if has_gateway(document):
        print("deploy: switch on integrated response for both APIs in the gateway's console", file=sys.stderr)
    target = root / "dist" / "serverless.yml"
    target.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    flags = environ.get("DEPLOY_FLAGS", "").split()
    return subprocess.run([cli, "deploy", *flags], cwd=target.parent, env=environ, check=False).returncode


def has_gateway(document: Mapping[str, Any]) -> bool:
    """Whether the API gateway is deployed too. The engine can't have it unwrap what the functions return."""
    return any(trigger["type"] == "apigw" for trigger in document["inputs"]["triggers"])


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of a .env file that have a value, read as the CLI reads them: nothing is expanded."""
    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}


def read_document(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return serverless.yml. Raises DeployError listing what the deploy engine would refuse or spoil."""
    try:
        config = read_config(path, environ)
        found = [f"{path.name}: {problem}" for problem in check_for_deploy(config, path.parent / "functions")]
    except ConfigError as error:
        found = error.problems
    if found:
        raise DeployError("\n".join(f"deploy: {problem}" for problem in found))
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def prepared(document: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the document as it is deployed: without the gateway unless GATEWAY=1, without settings that are not set.

    The CLI leaves an entry whose variable is not set with an undefined value, and says nothing. Raises DeployError
    for a variable anywhere else that is not set.
    """
    inputs = _without_unset(document["inputs"], environ)
    gateway = environ.get("GATEWAY") == "1"
    inputs["functions"] = {alias: _without_unset(own, environ) for alias, own in inputs["functions"].items()}
    inputs["triggers"] = [each for each in inputs.get("triggers", []) if gateway or each["type"] != "apigw"]
    deployed = {**document, "inputs": inputs}
    unset = {name for name in REFERENCE.findall(yaml.safe_dump(deployed)) if not environ.get(name)}
    if unset:
        raise DeployError(f"deploy: {' and '.join(sorted(unset))} must be set: serverless.yml refers to it")
    return deployed


def _without_unset(part: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    entries = part.get("environments", [])
    kept = [entry for entry in entries if _value(entry, environ)]
    return {**part, "environments": kept} if "environments" in part else dict(part)


def _value(entry: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    reference = REFERENCE.fullmatch(str(entry["value"]))
    return environ.get(reference[1], "") if reference else str(entry["value"])


def check_settings(document: Mapping[str, Any], environ: Mapping[str, str]) -> list[Settings]:
    """Return each function's settings as it will read them.

    Raises DeployError naming the variables that are missing, and those that the function would refuse when called.
    """
    _need(KEYS, environ, "copy .env.example to .env and fill it in")
    inputs = document["inputs"]
    functions = [{**inputs, **own}.get("environments", []) for own in inputs["functions"].values()]
    return [_settings(entries, environ) for entries in functions]


def _settings(entries: Iterable[Mapping[str, Any]], environ: Mapping[str, str]) -> Settings:
    variables = {entry["key"]: _value(entry, environ) for entry in entries}
    _need(NEEDED, variables, "results are kept there; see .env.example")
    local = sorted(name for name, value in variables.items() if value.startswith("http:"))
    if local:
        raise DeployError(f"deploy: {' and '.join(local)} must be https: plain http reaches the local cloud only")
    try:
        return read_settings({**variables, "SECRET_ID": "of the run role", "SECRET_KEY": "at run time"})
    except Misconfigured as error:
        raise DeployError(f"deploy: {error}") from error


def _need(names: Iterable[str], variables: Mapping[str, str], advice: str) -> None:
    missing = [name for name in names if not variables.get(name)]
    if missing:
        raise DeployError(f"deploy: {' and '.join(missing)} must be set: {advice}")


def find_cli(environ: Mapping[str, str]) -> str:
    """Return the path of Tencent's CLI. Raises DeployError when there is none."""
    for name in CLI_NAMES:
        if path := shutil.which(name, path=environ.get("PATH")):
            return path
    raise DeployError("deploy: Tencent's CLI is missing; type: npm install --global serverless-cloud-framework")


def is_open(document: Mapping[str, Any]) -> bool:
    """Whether Tencent lets anybody call a function; the gateway's APIs have no authentication here."""
    triggers = document["inputs"]["triggers"]
    return any(each["type"] == "apigw" or each["parameters"].get("authType") == "NONE" for each in triggers)


if __name__ == "__main__":
    sys.exit(main())
