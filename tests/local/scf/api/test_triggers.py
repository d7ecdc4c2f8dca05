"""SCF's actions on triggers: timers and function URLs, written, read, changed, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.scf.api.triggers import MAX_ARGUMENT, MAX_TRIGGERS
from tests.support.desk import Desk

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

CRON = "0 */10 * * * * *"
TIMER: dict[str, Any] = {"TriggerName": "collect", "Type": "timer", "TriggerDesc": CRON, "Qualifier": "$DEFAULT"}
PUBLIC = json.dumps({"AuthType": "NONE", "NetConfig": {"EnableExtranet": True, "EnableIntranet": False}})
URL: dict[str, Any] = {"TriggerName": "url-trigger", "Type": "http", "TriggerDesc": PUBLIC, "Qualifier": "$DEFAULT"}


def triggers(account: Desk, **parameters: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.scf("ListTriggers", **parameters)["Triggers"]
    return found


def test_a_timer_is_read_back_in_another_spelling(account: Desk) -> None:
    account.create()
    created = account.scf("CreateTrigger", **TIMER, Enable="OPEN", CustomArgument="ids", Description="d")["TriggerInfo"]
    (read,) = triggers(account)
    assert read == created
    expected = {
        "TriggerName": "collect",
        "Type": "timer",
        "TriggerDesc": '{"cron":"0 */10 * * * * *"}',
        "Qualifier": "$DEFAULT",
        "Enable": 1,
        "CustomArgument": "ids",
        "Description": "d",
    }
    assert {name: read[name] for name in expected} == expected
    assert account.scf("GetFunction")["Triggers"] == [read]
    assert account.scf("GetFunction", ShowTriggers="FALSE")["Triggers"] == []


def test_a_timer_is_closed_unless_it_is_opened(account: Desk) -> None:
    account.create()
    account.scf("CreateTrigger", **TIMER)
    assert triggers(account)[0]["Enable"] == 0
    account.scf("UpdateTrigger", **TIMER, Enable="OPEN")
    assert triggers(account)[0]["Enable"] == 1


def test_a_function_url_is_read_back_with_its_address(account: Desk) -> None:
    account.create("fn")
    named = {"FunctionName": "fn"}
    account.scf("CreateTrigger", **named, **URL)
    (read,) = triggers(account, **named)
    described = json.loads(read["TriggerDesc"])
    assert described["AuthType"] == "NONE"
    assert described["NetConfig"] == {
        "EnableExtranet": True,
        "EnableIntranet": False,
        "ExtranetUrl": f"{account.cloud.gateway}/_url/fn",
        "IntranetUrl": "",
    }
    assert read["Enable"] == 1
    account.scf("CreateTrigger", **named, **{**URL, "TriggerName": "other", "Qualifier": "$LATEST"})
    other = next(one for one in triggers(account, **named) if one["TriggerName"] == "other")
    assert json.loads(other["TriggerDesc"])["NetConfig"]["ExtranetUrl"].endswith("/_url/fn%3A%24LATEST")


def test_a_url_without_public_access_has_no_address(account: Desk) -> None:
    account.create()
    account.scf("CreateTrigger", **{**URL, "TriggerDesc": "{}"})
    assert json.loads(triggers(account)[0]["TriggerDesc"])["NetConfig"]["ExtranetUrl"] == ""


def test_a_trigger_changes_only_in_what_is_given(account: Desk) -> None:
    account.create()
    account.scf("CreateTrigger", **TIMER, Enable="OPEN", CustomArgument="ids")
    (before,) = triggers(account)
    account.clock.now += 5
    account.scf("UpdateTrigger", **{**TIMER, "TriggerDesc": "0 5 * * * * *"})
    (after,) = triggers(account)
    assert after == {**before, "TriggerDesc": '{"cron":"0 5 * * * * *"}', "ModTime": after["ModTime"]}
    assert after["ModTime"] > before["ModTime"]
    account.scf("DeleteTrigger", TriggerName="collect", Type="timer", Qualifier="$DEFAULT")
    assert triggers(account) == []


def test_triggers_are_filtered_ordered_and_paged(account: Desk) -> None:
    account.create()
    for name in ("a", "b"):
        account.scf("CreateTrigger", **{**TIMER, "TriggerName": name})
        account.clock.now += 1
    account.scf("CreateTrigger", **URL)

    def names(**parameters: object) -> list[str]:
        return [one["TriggerName"] for one in triggers(account, **parameters)]

    assert names() == ["url-trigger", "b", "a"]
    assert names(Order="ASC", OrderBy="add_time", Limit=2) == ["a", "b"]
    assert names(Offset=2) == ["a"]
    assert names(Filters=[{"Name": "Type", "Values": ["http"]}]) == ["url-trigger"]
    assert names(Filters=[{"Name": "TriggerName", "Values": ["a", "b"]}, {"Name": "Qualifier", "Values": ["1"]}]) == []


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"TriggerDesc": "every day"}, "InvalidParameterValue.TriggerDesc"),
        ({"TriggerDesc": "61 * * * * * *"}, "InvalidParameterValue.TriggerDesc"),
        ({"TriggerDesc": None}, "MissingParameter"),
        ({"TriggerName": "1st"}, "InvalidParameterValue.TriggerName"),
        ({"TriggerName": "a" * 101}, "InvalidParameterValue.TriggerName"),
        ({"Enable": "1"}, "InvalidParameterValue.Enable"),
        ({"CustomArgument": "x" * (MAX_ARGUMENT + 1)}, "InvalidParameterValue.CustomArgument"),
        ({"Qualifier": "7"}, "ResourceNotFound.Qualifier"),
        ({"Type": "cos"}, "UnsupportedOperation.Trigger"),
        ({"Type": "apigw"}, "UnsupportedOperation.Trigger"),
        ({"Type": "cron"}, "InvalidParameterValue.Type"),
        ({**URL, "TriggerDesc": "{"}, "InvalidParameterValue.TriggerDesc"),
        ({**URL, "TriggerDesc": "[]"}, "InvalidParameterValue.TriggerDesc"),
        ({**URL, "TriggerDesc": '{"AuthType":"none"}'}, "InvalidParameterValue"),
        ({**URL, "TriggerDesc": '{"CorsConfig":{"Enable":true}}'}, "UnsupportedOperation"),
        ({**URL, "TriggerDesc": '{"CorsConfig":{"Origins":["*"]}}'}, "UnsupportedOperation"),
        ({**URL, "CustomArgument": "x"}, "InvalidParameterValue.CustomArgument"),
    ],
    ids=str,
)
def test_a_wrong_trigger_is_refused(account: Desk, parameters: dict[str, object], code: str) -> None:
    account.create()
    assert account.refusal("CreateTrigger", {**TIMER, **parameters}) == code
    assert triggers(account) == []


def test_names_and_urls_are_taken_once(account: Desk) -> None:
    account.create()
    account.scf("CreateTrigger", **TIMER)
    account.scf("CreateTrigger", **URL)
    assert account.refusal("CreateTrigger", TIMER) == "ResourceInUse.TriggerName"
    assert account.refusal("CreateTrigger", {**URL, "TriggerName": "second"}) == "ResourceInUse.Trigger"


def test_a_trigger_is_found_by_the_qualifier_that_it_was_made_with(account: Desk) -> None:
    account.create()
    account.scf("CreateTrigger", **TIMER)
    named = {"TriggerName": "collect", "Type": "timer"}
    for action in ("UpdateTrigger", "DeleteTrigger"):
        assert account.refusal(action, named) == "ResourceNotFound.Trigger"
        assert account.refusal(action, {**named, "Type": "http"}) == "ResourceNotFound.Trigger"
        assert account.refusal(action, {**named, "Type": "cos"}) == "UnsupportedOperation.Trigger"


def test_a_function_has_ten_triggers_of_a_type(account: Desk) -> None:
    account.create()
    for number in range(MAX_TRIGGERS):
        account.scf("CreateTrigger", **{**TIMER, "TriggerName": f"t{number}"})
    assert account.refusal("CreateTrigger", TIMER) == "LimitExceeded.Trigger"
    account.scf("CreateTrigger", **URL)
