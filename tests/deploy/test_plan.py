"""Plans for an empty account, a deployed one, and one with each kind of difference."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy.api import AccountApi
from deploy.errors import DeployError
from deploy.found import read_account
from deploy.plan import plan_remove
from deploy.resources import TAG, Trigger, Wanted, WantedFunction
from deploy.steps import Plan
from tests.support.account import MemoryAccount
from tests.support.deployment import PROJECT, FakeClock, deploy, plan_of, wanted, wanted_function

VIDEO, AUDIO = f"{PROJECT}-video", f"{PROJECT}-audio"


@pytest.fixture
def account() -> MemoryAccount:
    return MemoryAccount()


@pytest.fixture
def deployed(account: MemoryAccount) -> MemoryAccount:
    deploy(account, wanted())
    return account


def verbs(plan: Plan) -> set[tuple[str, str, str]]:
    """What is done, without what stays as it is."""
    return {(step.verb, step.kind, step.name) for step in plan.steps if step.verb != "keep"}


def changed(plan: Plan) -> dict[str, list[str]]:
    """The names of the fields that change, by resource."""
    return {step.name: [each.field for each in step.differences] for step in plan.steps if step.differences}


def test_an_empty_account_gets_everything(account: MemoryAccount) -> None:
    plan = plan_of(account, wanted())
    assert plan.summary == "plan: 9 to create, 0 to change, 0 to remove"
    kinds = [step.kind for step in plan.steps if step.verb == "create"]
    assert kinds == ["bucket", "role", "policy", "function", "function", "url", "timer", "url", "timer"]


def test_a_plan_changes_nothing(deployed: MemoryAccount) -> None:
    before = deployed.state()
    plan_of(deployed, wanted(wanted_function("video", A="other")))
    assert deployed.state() == before


def test_a_deployed_account_has_no_differences(deployed: MemoryAccount) -> None:
    plan = plan_of(deployed, wanted())
    assert plan.is_empty
    assert plan.summary == "plan: 0 to create, 0 to change, 0 to remove"
    assert {step.verb for step in plan.steps} == {"keep"}


def both(change: Callable[[WantedFunction], WantedFunction]) -> Wanted:
    return wanted(change(wanted_function("video")), wanted_function("audio"))


def configured(**changes: object) -> Callable[[WantedFunction], WantedFunction]:
    return lambda function: function._replace(
        configuration=function.configuration._replace(**changes)  # type: ignore[arg-type] # fields of Configuration
    )


FIELDS: list[tuple[Callable[[WantedFunction], WantedFunction], list[str], list[str]]] = [
    (configured(memory=256), ["memory", "version"], ["UpdateFunctionConfiguration"]),
    (configured(timeout=60), ["timeout", "version"], ["UpdateFunctionConfiguration"]),
    (configured(description="other"), ["description", "version"], ["UpdateFunctionConfiguration"]),
    (configured(role="other"), ["role", "version"], ["UpdateFunctionConfiguration"]),
    (
        configured(handler="other.main"),
        ["handler", "version"],
        ["UpdateFunctionCode", "UpdateFunctionConfiguration"],
    ),
    (
        configured(environment={"B": "c"}),
        ["environment A", "environment B", "version"],
        ["UpdateFunctionConfiguration"],
    ),
    (
        lambda function: function._replace(bundle="c" * 64),
        ["code", "version"],
        ["UpdateFunctionCode", "UpdateFunctionConfiguration"],
    ),
]


@pytest.mark.parametrize(("change", "fields", "actions"), FIELDS, ids=[row[1][0] for row in FIELDS])
def test_one_field_of_one_function_changes_just_that(
    deployed: MemoryAccount,
    change: Callable[[WantedFunction], WantedFunction],
    fields: list[str],
    actions: list[str],
) -> None:
    plan = plan_of(deployed, both(change))
    assert changed(plan) == {VIDEO: fields}
    assert plan.summary == "plan: 0 to create, 1 to change, 0 to remove"
    requests = [request.action for step in plan.steps for request in step.requests]
    assert requests == [*actions, "PublishVersion", "UpdateAlias"]
    deploy(deployed, both(change))
    assert plan_of(deployed, both(change)).is_empty


def test_secrets_are_masked(deployed: MemoryAccount) -> None:
    environment = {"API_TOKEN": "hush-token", "SECRET_KEY": "hush-key", "MEDIA_API_PARAMS": "Uin=hush", "PLAIN": "seen"}
    plan = plan_of(deployed, both(configured(environment=environment)))
    said = {each.field: (each.old, each.new) for step in plan.steps for each in step.differences}
    assert said["environment API_TOKEN"] == ("not set", "(not shown)")
    assert said["environment PLAIN"] == ("not set", "seen")
    assert "hush" not in str(said)


TRIGGERS: list[tuple[tuple[Trigger, ...], set[tuple[str, str, str]]]] = [
    ((), {("remove", "url", "video"), ("remove", "timer", "collect-video")}),
    (
        (
            wanted_function("video").triggers[0],
            wanted_function("video").triggers[1]._replace(setting={"cron": "0 0 * * * * *"}),
        ),
        {("change", "timer", "collect-video")},
    ),
    (
        (wanted_function("video").triggers[0], wanted_function("video").triggers[1]._replace(name="other")),
        {("remove", "timer", "collect-video"), ("create", "timer", "other")},
    ),
    (
        (
            wanted_function("video")
            .triggers[0]
            ._replace(
                setting={
                    "AuthType": "CAM",
                    "EnableExtranet": True,
                    "EnableIntranet": False,
                    "CorsConfig": {"Enable": True, "Origins": ["*"]},
                }
            ),
            wanted_function("video").triggers[1]._replace(enabled=False, argument="x"),
        ),
        {("change", "url", "video"), ("change", "timer", "collect-video")},
    ),
    (
        (
            wanted_function("video").triggers[0],
            wanted_function("video").triggers[1]._replace(qualifier="$LATEST"),
        ),
        {("change", "timer", "collect-video")},
    ),
]


@pytest.mark.parametrize(("triggers", "planned"), TRIGGERS)
def test_triggers_are_followed(
    deployed: MemoryAccount, triggers: tuple[Trigger, ...], planned: set[tuple[str, str, str]]
) -> None:
    want = both(lambda function: function._replace(triggers=triggers))
    assert verbs(plan_of(deployed, want)) == planned
    deploy(deployed, want)
    assert plan_of(deployed, want).is_empty


def test_a_trigger_says_what_of_its_setting_differs(deployed: MemoryAccount) -> None:
    url, timer = wanted_function("video").triggers
    triggers = (url, timer._replace(setting={"cron": "0 0 * * * * *"}))
    plan = plan_of(deployed, both(lambda function: function._replace(triggers=triggers)))
    (step,) = (step for step in plan.steps if step.verb == "change")
    assert step.differences == (("cron", timer.setting["cron"], "0 0 * * * * *"),)


def test_a_url_made_under_another_name_is_the_same_url(deployed: MemoryAccount) -> None:
    deployed.functions[VIDEO]["triggers"][0]["TriggerName"] = "made-by-hand"
    assert plan_of(deployed, wanted()).is_empty


def test_triggers_of_other_kinds_are_left_alone_until_their_function_goes(deployed: MemoryAccount) -> None:
    foreign = {"TriggerName": "bucket.cos", "Type": "cos", "Qualifier": "$DEFAULT", "Enable": "OPEN"}
    deployed.functions[VIDEO]["triggers"].append({**foreign, "TriggerDesc": '{"event":"x"}', "FunctionName": VIDEO})
    assert plan_of(deployed, wanted()).is_empty
    plan = plan_of(deployed, wanted(wanted_function("audio")))
    removal = next(step for step in plan.steps if step.verb == "remove")
    assert [request.action for request in removal.requests] == [*["DeleteTrigger"] * 3, "DeleteFunction"]
    assert removal.requests[2].params["TriggerDesc"] == '{"event":"x"}'


def test_resources_no_longer_in_the_file_are_removed(deployed: MemoryAccount) -> None:
    plan = plan_of(deployed, wanted(wanted_function("audio")))
    assert verbs(plan) == {("remove", "function", VIDEO)}
    deploy(deployed, wanted(wanted_function("audio")))
    assert set(deployed.functions) == {AUDIO}


def test_resources_with_another_tag_are_foreign(deployed: MemoryAccount) -> None:
    deployed.functions[VIDEO]["Tags"] = [{"Key": TAG, "Value": "another"}]
    with pytest.raises(DeployError, match=f"{VIDEO} already exists without the tag {TAG}={PROJECT}"):
        plan_of(deployed, wanted())
    assert plan_of(deployed, wanted(wanted_function("audio"))).is_empty


def test_a_runtime_can_not_be_changed(deployed: MemoryAccount) -> None:
    want = both(lambda function: function._replace(runtime="Python3.9"))
    with pytest.raises(DeployError, match=r"runs on Python3.10 and serverless.yml says Python3.9.*make remove"):
        plan_of(deployed, want)


def test_all_impossible_changes_are_reported_at_once(deployed: MemoryAccount) -> None:
    deployed.functions[VIDEO]["Tags"] = None
    deployed.functions[AUDIO]["Runtime"] = "Python3.7"
    deployed.policies[101]["Description"] = "mine"
    with pytest.raises(DeployError) as refused:
        plan_of(deployed, wanted())
    assert [problem.split()[0] for problem in refused.value.problems] == [VIDEO, AUDIO, "the"]


def test_a_function_is_made_public_and_without_a_log_topic(account: MemoryAccount) -> None:
    deploy(account, wanted())
    made = account.functions[VIDEO]
    assert made["AutoCreateClsTopic"] == "FALSE"
    assert made["PublicNetConfig"]["PublicNetStatus"] == "ENABLE"
    assert made["Tags"] == [{"Key": TAG, "Value": PROJECT}]


def test_a_foreign_policy_is_not_removed(deployed: MemoryAccount) -> None:
    del deployed.roles["run"]
    deployed.policies[101]["Description"] = "mine"
    api = AccountApi(deployed, FakeClock().clock)
    plan = plan_remove(wanted(), read_account(api, wanted()))
    assert verbs(plan) == {("remove", "function", VIDEO), ("remove", "function", AUDIO)}


def test_a_foreign_role_is_used_unchanged(account: MemoryAccount) -> None:
    account.roles["run"] = {"RoleName": "run", "Tags": [], "attached": ["theirs"]}
    deploy(account, wanted())
    assert account.roles["run"]["attached"] == ["theirs"]
    assert account.policies == {}
    assert plan_of(account, wanted()).is_empty
    api = AccountApi(account, FakeClock().clock)
    assert {step.kind for step in plan_remove(wanted(), read_account(api, wanted())).steps if step.requests} == {
        "function"
    }


def test_the_policy_follows_and_is_attached(deployed: MemoryAccount) -> None:
    deployed.roles["run"]["attached"] = []
    want = wanted(policy_document={"version": "2.0", "statement": []})
    assert changed(plan_of(deployed, want)) == {f"run-{PROJECT}": ["document", "attached to"]}
    deploy(deployed, want)
    assert plan_of(deployed, want).is_empty
    assert deployed.roles["run"]["attached"] == [f"run-{PROJECT}"]


def test_traffic_that_was_divided_by_hand_is_brought_together(deployed: MemoryAccount) -> None:
    deployed.functions[VIDEO]["routing"] = {"AdditionalVersionWeights": [{"Version": "$LATEST", "Weight": 0.5}]}
    deployed.functions[AUDIO]["routed"] = "$LATEST"
    plan = plan_of(deployed, wanted())
    assert changed(plan) == {VIDEO: ["version"], AUDIO: ["version"]}
    deploy(deployed, wanted())
    assert plan_of(deployed, wanted()).is_empty
    assert deployed.functions[AUDIO]["routed"] == "1"
    assert deployed.functions[VIDEO]["routed"] == "1"


def test_a_function_whose_update_failed_is_updated_again(deployed: MemoryAccount) -> None:
    deployed.functions[VIDEO]["Status"] = "UpdateFailed"
    assert changed(plan_of(deployed, wanted())) == {VIDEO: ["status"]}
    deploy(deployed, wanted())
    assert deployed.functions[VIDEO]["Status"] == "Active"


def test_a_function_whose_creation_failed_is_made_again(account: MemoryAccount) -> None:
    account.failing = {VIDEO}
    with pytest.raises(DeployError, match=f"{VIDEO} is CreateFailed: no reason was given"):
        deploy(account, wanted())
    (step,) = (step for step in plan_of(account, wanted()).steps if step.verb == "change")
    assert (step.name, [request.action for request in step.requests]) == (VIDEO, ["DeleteFunction", "CreateFunction"])
    deploy(account, wanted())
    assert account.functions[VIDEO]["Status"] == "Active"
    assert plan_of(account, wanted()).is_empty


def test_the_gateway_is_left_out_with_a_word(account: MemoryAccount) -> None:
    plan = plan_of(account, wanted(gateways=("media",)))
    left_out = next(step for step in plan.steps if step.kind == "gateway")
    assert (left_out.verb, left_out.requests) == ("leave out", ())
    assert "since 2024-07-01" in left_out.note
