"""SCF's actions on versions and aliases."""

from __future__ import annotations

from typing import Any

import pytest

from local.scf.api.versions import MAX_VERSIONS
from tests.support.desk import CODE, NAME, Desk

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

OTHER = CODE.replace("1", "2")


def ran(account: Desk, qualifier: str) -> tuple[str, int]:
    """The version and the code that a qualifier leads to."""
    result = account.run(Qualifier=qualifier)
    return result["version"], result["code"]


def test_a_version_keeps_what_the_function_was(account: Desk) -> None:
    account.create(Description="old", Timeout=5)
    published = account.scf("PublishVersion", Description="first")
    assert account.status() == "Publishing"
    expected = {"FunctionVersion": "1", "Description": "first", "Handler": "index.main", "Timeout": 5}
    assert {name: published[name] for name in expected} == expected
    account.settle()
    account.update(OTHER)
    assert account.publish() == "2"
    assert [ran(account, one) for one in ("1", "2", "$LATEST")] == [("1", 1), ("2", 2), ("$LATEST", 2)]
    read = account.scf("GetFunction", Qualifier="1")
    assert (read["FunctionVersion"], read["Timeout"], read["Description"]) == ("1", 5, "old")


def test_versions_are_listed_with_the_newest_first(account: Desk) -> None:
    account.create()
    account.publish()
    account.scf("PublishVersion", Description="second")
    listed = account.scf("ListVersionByFunction")
    assert (listed["FunctionVersion"], listed["TotalCount"]) == (["$LATEST", "2", "1"], 3)
    assert [one["Status"] for one in listed["Versions"]] == ["Publishing", "Publishing", "Active"]
    assert account.scf("ListVersionByFunction", Order="ASC", Offset=1, Limit=1)["FunctionVersion"] == ["1"]


def test_the_default_alias_routes_to_latest_at_first(account: Desk) -> None:
    account.create()
    assert ran(account, "$DEFAULT") == ("$LATEST", 1)
    assert account.scf("GetAlias", Name="$DEFAULT")["FunctionVersion"] == "$LATEST"
    account.publish()
    account.update(OTHER)
    account.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1", Description="back")
    assert ran(account, "$DEFAULT") == ("1", 1)
    assert account.scf("InvokeFunction")["Result"]["RetMsg"].count('"code": 1') == 1
    read = account.scf("GetAlias", Name="$DEFAULT")
    assert (read["FunctionVersion"], read["Description"]) == ("1", "back")
    assert account.scf("GetFunction", Qualifier="$DEFAULT")["FunctionVersion"] == "1"


def test_aliases_come_and_go(account: Desk) -> None:
    account.create()
    account.publish()
    account.scf("CreateAlias", Name="live", FunctionVersion="1", Description="d")

    def names(**parameters: object) -> list[str]:
        return [alias["Name"] for alias in account.scf("ListAliases", **parameters)["Aliases"]]

    assert names() == ["$DEFAULT", "live"]
    assert names(FunctionVersion="1") == ["live"]
    assert names(Offset="1", Limit="5") == ["live"]
    assert ran(account, "live") == ("1", 1)
    account.scf("DeleteAlias", Name="live")
    assert names() == ["$DEFAULT"]
    assert account.refusal("Invoke", Qualifier="live") == "ResourceNotFound.Qualifier"


def test_an_alias_shares_calls_between_two_versions(account: Desk) -> None:
    account.create()
    account.publish()
    account.update(OTHER)
    account.publish()
    weights: dict[str, Any] = {"AdditionalVersionWeights": [{"Version": "2", "Weight": 1}]}
    account.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1", RoutingConfig=weights)
    assert ran(account, "$DEFAULT") == ("2", 2)
    weights["AdditionalVersionWeights"][0]["Weight"] = 0.0
    account.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1", RoutingConfig=weights)
    assert ran(account, "$DEFAULT") == ("1", 1)
    assert account.scf("GetAlias", Name="$DEFAULT")["RoutingConfig"] == {**weights, "AddtionVersionMatchs": []}
    for version in ("1", "2"):
        assert account.refusal("DeleteFunction", Qualifier=version) == "UnsupportedOperation.AliasBind"


def test_a_version_that_an_alias_leads_to_stays(account: Desk) -> None:
    account.create()
    account.publish()
    account.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1")
    assert account.refusal("DeleteFunction", Qualifier="1") == "UnsupportedOperation.AliasBind"
    account.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="$LATEST")
    account.scf("DeleteFunction", Qualifier="1")
    assert account.refusal("Invoke", Qualifier="1") == "ResourceNotFound.Qualifier"
    assert account.run()["code"] == 1
    assert account.publish() == "2"


def test_a_wrong_alias_is_refused(account: Desk) -> None:
    account.create()
    account.publish()
    account.scf("CreateAlias", Name="live", FunctionVersion="1")
    assert account.refusal("CreateAlias", Name="live", FunctionVersion="1") == "ResourceInUse.Alias"
    assert account.refusal("CreateAlias", Name="$DEFAULT", FunctionVersion="1") == "ResourceInUse.Alias"
    assert account.refusal("CreateAlias", Name="1st", FunctionVersion="1") == "InvalidParameterValue.Name"
    assert account.refusal("CreateAlias", Name="other", FunctionVersion="7") == "ResourceNotFound.FunctionVersion"
    assert account.refusal("UpdateAlias", Name="other", FunctionVersion="1") == "ResourceNotFound.Alias"
    assert account.refusal("DeleteAlias", Name="$DEFAULT") == "InvalidParameterValue.Alias"
    assert account.refusal("DeleteAlias", Name="other") == "ResourceNotFound.Alias"
    same = {"AdditionalVersionWeights": [{"Version": "1", "Weight": 0.5}]}
    refused = account.refusal("UpdateAlias", Name="live", FunctionVersion="1", RoutingConfig=same)
    assert refused == "InvalidParameterValue.RoutingConfig"
    rules: dict[str, object] = {"AddtionVersionMatchs": []}
    refused = account.refusal("UpdateAlias", Name="live", FunctionVersion="1", RoutingConfig=rules)
    assert refused == "UnsupportedOperation"
    account.scf("PublishVersion")
    refused = account.refusal("UpdateAlias", Name="live", FunctionVersion="2")
    assert refused == "FailedOperation.FunctionVersionStatusNotActive"


def test_an_alias_with_a_trigger_stays(account: Desk) -> None:
    account.create()
    account.scf("CreateAlias", Name="live", FunctionVersion="$LATEST")
    timer = {"TriggerName": "t", "Type": "timer", "TriggerDesc": "0 * * * * * *", "Qualifier": "live"}
    account.scf("CreateTrigger", **timer)
    assert account.refusal("DeleteAlias", Name="live") == "FailedOperation.DeleteAlias"


def test_versions_have_a_limit(account: Desk) -> None:
    account.create()
    account.publish()
    function = account.cloud.account.functions[NAME]
    function.versions.update({str(number): function.versions["1"] for number in range(1, MAX_VERSIONS + 1)})
    assert account.refusal("PublishVersion") == "LimitExceeded.FunctionVersions"
