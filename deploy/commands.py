"""The commands, from the checks to the last line. Each raises DeployError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from deploy.access import Access, Call, connect
from deploy.api import AccountApi, Clock
from deploy.apply import carry_out
from deploy.check import read_checked
from deploy.document import write_document
from deploy.found import read_account
from deploy.package import build
from deploy.plan import plan_deploy, plan_remove, plan_rollback
from deploy.preflight import Prepared, prepare, read_names
from deploy.resources import Wanted
from deploy.screen import Screen
from deploy.urls import check_urls


class Surroundings(NamedTuple):
    """The surroundings of a command: checkout, variables, screen, clock."""

    root: Path
    environ: Mapping[str, str]
    screen: Screen
    connect: Callable[[Access], Call] = connect
    clock: Clock = Clock()


def package(around: Surroundings) -> None:
    """Build what SCF runs: dist/bundle, dist/bundle.zip and dist/serverless.yml."""
    read_checked(around.root, around.environ)
    write_document(around.root, around.environ)
    archive = build(around.root / "dist")
    megabytes = archive.stat().st_size / 1e6
    around.screen.say(f"{archive.relative_to(around.root)}: {megabytes:.2f} MB; unpacked in dist/bundle")


def plan(around: Surroundings) -> None:
    """Print what a deployment would change."""
    prepared, api = _prepared(around)
    around.screen.plan(plan_deploy(prepared.wanted, read_account(api, prepared.wanted)))


def deploy(around: Surroundings) -> None:
    """Bring the account to what serverless.yml says, and call each URL."""
    prepared, api = _prepared(around)
    wanted = prepared.wanted
    carry_out(lambda: plan_deploy(wanted, read_account(api, wanted)), api, around.screen)
    for url in check_urls(wanted.functions, prepared.tokens, api):
        around.screen.url(url)


def rollback(around: Surroundings) -> None:
    """Route the traffic of all functions back to the release before."""
    wanted, api = _named(around)
    back = plan_rollback(read_account(api, wanted))  # made once: another would go back one release further
    carry_out(lambda: back, api, around.screen)
    around.screen.say("make deploy goes forward again; triggers, role and policy are unchanged")


def remove(around: Surroundings) -> None:
    """Remove what this project has created, except the bucket."""
    wanted, api = _named(around)
    carry_out(lambda: plan_remove(wanted, read_account(api, wanted)), api, around.screen)
    around.screen.say("the bucket and its objects are kept")


def _prepared(around: Surroundings) -> tuple[Prepared, AccountApi]:
    prepared = prepare(around.root, around.environ)
    for warning in prepared.warnings:
        around.screen.warn(warning)
    around.screen.code(prepared.wanted.functions[0].bundle)
    return prepared, AccountApi(around.connect(prepared.access), around.clock)


def _named(around: Surroundings) -> tuple[Wanted, AccountApi]:
    """Return what rollback and remove need: the names in serverless.yml."""
    access, wanted = read_names(around.root, around.environ)
    return wanted, AccountApi(around.connect(access), around.clock)
