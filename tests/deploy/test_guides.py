"""The guides are held to the code: the deployer's policy has all actions that it uses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from deploy.api import AccountApi
from deploy.apply import carry_out
from deploy.found import read_account
from deploy.plan import plan_remove, plan_rollback
from deploy.wanted import policy_document
from local.config import read_config
from shared.settings import read_settings
from tests.support.account import Answer, MemoryAccount
from tests.support.deployment import Ears, FakeClock, deploy, wanted, wanted_function
from tests.support.documents import read
from tests.support.paths import ROOT

KEYS = {"SECRET_ID": "x", "SECRET_KEY": "x"}
GUIDES = ("deploying.md", "deploying.zh-CN.md")


def policy(guide: str) -> set[str]:
    """The actions of the policy that a guide shows."""
    block = re.search(r"```json\n(.*?)```", (ROOT / "docs" / guide).read_text(), re.DOTALL)
    assert block
    document = json.loads(block[1])
    return {action.removeprefix("name/") for each in document["statement"] for action in each["action"]}


def asked() -> set[str]:
    """All actions of a project's life: deployed, changed, gone back, removed."""
    account, asked = MemoryAccount(), set[str]()

    def call(service: str, action: str, params: Mapping[str, Any]) -> Answer:
        asked.add(f"{service}:{action}")
        return account(service, action, params)

    api, want = AccountApi(call, FakeClock().clock), wanted()
    deploy(call, want)
    changed = wanted(wanted_function("video", bundle="c" * 64), policy_document={"version": "2.0", "statement": []})
    deploy(call, changed)
    timer = wanted_function("video").triggers[1]._replace(argument="x")
    function = wanted_function("video", bundle="c" * 64)
    deploy(call, wanted(function._replace(triggers=(function.triggers[0], timer))))
    carry_out(lambda: plan_rollback(read_account(api, want)), api, Ears())
    carry_out(lambda: plan_remove(want, read_account(api, want)), api, Ears())
    return asked


@pytest.mark.parametrize("guide", GUIDES)
def test_the_deployer_s_policy_has_every_action(guide: str) -> None:
    needed = asked()
    assert len(needed) > 20
    assert needed - policy(guide) == set()


def test_both_guides_say_the_same_about_keys() -> None:
    assert policy(GUIDES[0]) == policy(GUIDES[1])


def test_the_run_role_s_policy_is_the_one_that_is_shown() -> None:
    (shown,) = [json.loads(block) for _, block in read("docs/operating.md").blocks if '"statement"' in block]
    config = read_config(ROOT / "serverless.yml", {})
    settings = read_settings({**KEYS, "COS_BUCKET": "bucket-1250000000", "COS_REGION": config.region})
    made = json.dumps(policy_document(config, settings))
    for value, name in (("bucket-1250000000", "<bucket>"), ("1250000000", "<APPID>"), (config.region, "<region>")):
        made = made.replace(value, name)
    for function in config.functions.values():
        made = made.replace(f'{function.name}"', '<function>"')
    named = json.loads(made)
    for statement in named["statement"]:
        statement["resource"] = sorted(set(statement["resource"]))
    assert named == shown
