"""Rollback, and forward again: which version of each function belongs to which release."""

from __future__ import annotations

import pytest

from deploy.api import AccountApi
from deploy.apply import carry_out
from deploy.errors import DeployError
from deploy.found import read_account
from deploy.plan import plan_rollback
from tests.support.account import MemoryAccount
from tests.support.deployment import PROJECT, Ears, FakeClock, deploy, plan_of, wanted, wanted_function


def both(video: str, audio: str) -> dict[str, str]:
    """What the two functions hold."""
    return {"video": video, "audio": audio}


class Project:
    """An account and what is deployed to it, named by one variable of each function's environment."""

    def __init__(self) -> None:
        self.account = MemoryAccount()

    def deploy(self, video: str, audio: str) -> Ears:
        return deploy(self.account, wanted(wanted_function("video", A=video), wanted_function("audio", A=audio)))

    def rollback(self) -> Ears:
        ears, api = Ears(), AccountApi(self.account, FakeClock().clock)
        plan = plan_rollback(read_account(api, wanted()))
        carry_out(lambda: plan, api, ears)
        return ears

    def live(self) -> dict[str, str]:
        """Each function's variable in the live version."""
        found = {}
        for alias in ("video", "audio"):
            function = self.account.functions[f"{PROJECT}-{alias}"]
            version = next(each for each in function["versions"] if each["Version"] == function["routed"])
            found[alias] = version["Environment"]["Variables"][0]["Value"]
        return found


@pytest.fixture
def project() -> Project:
    return Project()


def test_a_rollback_returns_to_the_release_before(project: Project) -> None:
    for number in "123":
        project.deploy(number, number)
    project.rollback()
    assert project.live() == both("2", "2")
    project.rollback()
    assert project.live() == both("1", "1")
    with pytest.raises(DeployError, match="no release to go back to: release 1 is the oldest"):
        project.rollback()


def test_a_rollback_leads_back_only_what_the_release_changed(project: Project) -> None:
    project.deploy("1", "1")
    project.deploy("1", "2")
    project.deploy("3", "2")
    ears = project.rollback()
    assert project.live() == both("1", "2")
    assert [name for _, _, name in ears.done] == [f"{PROJECT}-video"]
    project.rollback()
    assert project.live() == both("1", "1")


def test_deploying_again_leads_forward_without_publishing(project: Project) -> None:
    project.deploy("1", "1")
    project.deploy("2", "2")
    project.rollback()
    ears = project.deploy("2", "2")
    assert project.live() == both("2", "2")
    assert [verb for verb, _, _ in ears.done] == ["route", "route"]


def test_a_rollback_skips_releases_that_were_rolled_back(project: Project) -> None:
    project.deploy("1", "1")
    project.deploy("1", "bad")
    project.rollback()
    project.deploy("2", "1")
    project.deploy("3", "1")
    assert project.live() == both("3", "1")
    project.rollback()
    assert project.live() == both("2", "1")
    project.rollback()
    assert project.live() == both("1", "1")


def test_the_content_of_an_old_release_is_a_new_one(project: Project) -> None:
    for content in ("1", "2", "1"):
        project.deploy(content, content)
    project.rollback()
    assert project.live() == both("2", "2")


def test_what_was_published_and_not_routed_is_one_release_with_the_rest(project: Project) -> None:
    project.deploy("1", "1")
    want = wanted(wanted_function("video", A="2"), wanted_function("audio", A="2"))
    plan = plan_of(project.account, want)
    api = AccountApi(project.account, FakeClock().clock)
    started = plan._replace(steps=plan.steps[:-6])  # up to the version of the first function
    assert [step.verb for step in started.steps][-1] == "publish"
    carry_out(lambda: started, api, Ears())
    project.deploy("2", "2")
    project.deploy("3", "3")
    project.rollback()
    assert project.live() == both("2", "2")
    project.rollback()
    assert project.live() == both("1", "1")


def test_a_function_that_was_not_there_then_stays_as_it_is(project: Project) -> None:
    deploy(project.account, wanted(wanted_function("video", A="1")))
    project.deploy("2", "2")
    api = AccountApi(project.account, FakeClock().clock)
    plan = plan_rollback(read_account(api, wanted()))
    kept = [step for step in plan.steps if step.verb == "keep"]
    assert [(step.name, step.note) for step in kept] == [(f"{PROJECT}-audio", "it did not exist in release 1")]
    project.rollback()
    assert project.live() == both("1", "2")


def test_rollback_without_a_deployment_is_refused(project: Project) -> None:
    with pytest.raises(DeployError, match="nothing of this project is deployed"):
        project.rollback()
