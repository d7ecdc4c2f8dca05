"""Writes dist/serverless.yml beside the bundle, for deploying with Tencent's own CLI."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.check import REFERENCE
from deploy.dotenv import switch
from deploy.errors import DeployError


def write_document(root: Path, environ: Mapping[str, str]) -> Path:
    """Write dist/serverless.yml and return its path. Raises DeployError."""
    source, target = root / "serverless.yml", root / "dist" / "serverless.yml"
    document = _for_cli(yaml.safe_load(source.read_text(encoding="utf-8")), environ)
    target.parent.mkdir(exist_ok=True)
    target.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return target


def _for_cli(document: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the document without settings that are not set and, unless GATEWAY=1, without the gateway.

    The CLI would silently set an entry with an unset variable to undefined. Raises DeployError for an unset variable
    anywhere else.
    """
    inputs = _without_unset(document["inputs"], environ)
    gateway = switch(environ, "GATEWAY")
    inputs["functions"] = {alias: _without_unset(own, environ) for alias, own in inputs["functions"].items()}
    inputs["triggers"] = [each for each in inputs.get("triggers", []) if gateway or each["type"] != "apigw"]
    deployed = {**document, "inputs": inputs}
    unset = {name for name in REFERENCE.findall(yaml.safe_dump(deployed)) if not environ.get(name)}
    if unset:
        raise DeployError(f"{' and '.join(sorted(unset))} must be set: serverless.yml refers to it")
    return deployed


def _without_unset(part: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    entries = part.get("environments", [])
    kept = [entry for entry in entries if _value(entry, environ)]
    return {**part, "environments": kept} if "environments" in part else dict(part)


def _value(entry: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    reference = REFERENCE.fullmatch(str(entry["value"]))
    return environ.get(reference[1], "") if reference else str(entry["value"])
