"""The commands plan, deploy, rollback and remove, from the checks to the last line.

Each raises DeployError, and Refused or Unanswered if the account can't be read.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from deploy.access import Access, Call, connect
from deploy.apply import carry_out
from deploy.document import read_checked
from deploy.errors import DeployError
from deploy.patience import Clock, Patience
from deploy.plan import plan_deploy, plan_remove, plan_rollback
from deploy.preflight import Prepared, prepare, read_access
from deploy.reading import read_account
from deploy.resources import Wanted
from deploy.screen import Screen
from deploy.steps import Plan
from deploy.urls import check_urls
from deploy.wanted import refusals, want


class Surroundings(NamedTuple):
    """The surroundings of a command: checkout, variables, screen, clock."""

    root: Path
    environ: Mapping[str, str]
    screen: Screen
    connect: Callable[[Access], Call] = connect
    clock: Clock = Clock()


def plan(around: Surroundings) -> None:
    """Print what a deployment would change."""
    prepared, patience = _prepared(around)
    around.screen.plan(plan_deploy(prepared.wanted, read_account(patience, prepared.wanted)))


def deploy(around: Surroundings) -> None:
    """Bring the account to what serverless.yml says, and call each URL."""
    prepared, patience = _prepared(around)
    wanted, code = prepared.wanted, base64.b64encode(prepared.archive).decode()
    carry_out(lambda: plan_deploy(wanted, read_account(patience, wanted)), patience, code, around.screen)
    for url in check_urls(wanted.functions, prepared.tokens, patience):
        around.screen.url(url)


def rollback(around: Surroundings) -> None:
    """Route the traffic of all functions back to the release before."""
    wanted, patience = _named(around)
    made = list[Plan]()

    def once() -> Plan:
        """Return the same plan in each round: a new one would go back one release further."""
        if not made:
            made.append(plan_rollback(read_account(patience, wanted)))
        return made[0]

    carry_out(once, patience, "", around.screen)
    around.screen.say("make deploy goes forward again; triggers, role and policy are unchanged")


def remove(around: Surroundings) -> None:
    """Remove what this project has created, except the bucket."""
    wanted, patience = _named(around)
    carry_out(lambda: plan_remove(wanted, read_account(patience, wanted)), patience, "", around.screen)
    around.screen.say("the bucket and its objects are kept")


def _prepared(around: Surroundings) -> tuple[Prepared, Patience]:
    prepared = prepare(around.root, around.environ)
    for warning in prepared.warnings:
        around.screen.warn(warning)
    around.screen.code(hashlib.sha256(prepared.archive).hexdigest())
    return prepared, Patience(around.connect(prepared.access), around.clock)


def _named(around: Surroundings) -> tuple[Wanted, Patience]:
    """Return what rollback and remove need: names from serverless.yml, no settings and no bundle."""
    config = read_checked(around.root, around.environ)
    if problems := list(refusals(config)):
        raise DeployError(*problems)
    return want(config, None, ""), Patience(around.connect(read_access(config, around.environ)), around.clock)
