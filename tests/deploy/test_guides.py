"""The guides are held to the code: what the deployer's keys may do is all that it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from deploy.apply import carry_out
from deploy.patience import Patience
from deploy.plan import plan_remove, plan_rollback
from deploy.reading import read_account
from tests.support.account import Answer, MemoryAccount
from tests.support.deployment import Ears, FakeClock, deploy, wanted, wanted_function
from tests.support.paths import ROOT

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

    patience, want = Patience(call, FakeClock().clock), wanted()
    deploy(call, want)
    changed = wanted(wanted_function("video", bundle="c" * 64), policy_document={"version": "2.0", "statement": []})
    deploy(call, changed)
    timer = wanted_function("video").triggers[1]._replace(argument="x")
    function = wanted_function("video", bundle="c" * 64)
    deploy(call, wanted(function._replace(triggers=(function.triggers[0], timer))))
    carry_out(lambda: plan_rollback(read_account(patience, want)), patience, "", Ears())
    carry_out(lambda: plan_remove(want, read_account(patience, want)), patience, "", Ears())
    return asked


@pytest.mark.parametrize("guide", GUIDES)
def test_the_deployer_s_policy_has_every_action(guide: str) -> None:
    needed = asked()
    assert len(needed) > 20
    assert needed - policy(guide) == set()


def test_both_guides_say_the_same_about_keys() -> None:
    assert policy(GUIDES[0]) == policy(GUIDES[1])


@pytest.mark.parametrize("guide", GUIDES)
def test_no_link_of_a_guide_is_broken(guide: str) -> None:
    text = (ROOT / "docs" / guide).read_text()
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / "docs" / link).is_file(), link
