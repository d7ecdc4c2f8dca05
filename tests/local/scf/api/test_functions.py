"""SCF's actions on functions, with Tencent's own client."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
import requests

from local.scf.api.function_parameters import MAX_ENVIRONMENT
from local.scf.api.functions import MAX_FUNCTIONS
from tests.support.desk import CODE, NAME, TRUST, Desk, package, variables

# The client's signer asks datetime.utcfromtimestamp for the date.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

TRUST_TEXT = json.dumps(TRUST)
MEMBERS = {"Handler": "index.main", "Runtime": "Python3.10"}


def test_a_function_is_creating_then_active_and_read_back_as_it_was_given(account: Desk) -> None:
    account.cam("CreateRole", RoleName="run", PolicyDocument=TRUST_TEXT)
    given = {
        "Description": "说明",
        "MemorySize": 256,
        "Timeout": 30,
        "Role": "run",
        "Environment": variables(A="1", B=""),
        "Tags": [{"Key": "project", "Value": "x"}],
    }
    account.scf("CreateFunction", Code={"ZipFile": package(CODE)}, **MEMBERS, **given)
    assert account.status() == "Creating"
    account.settle()
    read = account.scf("GetFunction", ShowCode="TRUE")
    assert {name: read[name] for name in given} == given
    expected = {
        **MEMBERS,
        "FunctionName": NAME,
        "Status": "Active",
        "StatusReasons": [],
        "AvailableStatus": "Available",
        "FunctionVersion": "$LATEST",
        "CodeInfo": CODE,
        "CodeResult": "success",
        "Type": "Event",
        "Triggers": [],
        "Namespace": "default",
    }
    assert {name: read[name] for name in expected} == expected
    assert account.scf("GetFunction")["CodeInfo"] == ""


def test_a_function_has_the_documented_defaults(account: Desk) -> None:
    account.create()
    read = account.scf("GetFunction")
    assert (read["MemorySize"], read["Timeout"], read["InitTimeout"], read["Description"]) == (128, 3, 65, "")
    assert (read["Environment"], read["Tags"], read["Role"]) == ({"Variables": []}, [], "")


def test_a_package_without_the_entry_file_fails_and_can_only_be_deleted(account: Desk) -> None:
    account.create(Handler="absent.main")
    read = account.scf("GetFunction")
    assert (read["Status"], read["CodeResult"]) == ("CreateFailed", "failed")
    assert "absent.main" in read["StatusReasons"][0]["ErrorMessage"]
    assert account.refusal("UpdateFunctionCode", ZipFile=package(CODE)) == "FailedOperation.UpdateFunctionCode"
    assert account.refusal("Invoke") == "FailedOperation.FunctionStatusError"
    account.scf("DeleteFunction")
    account.settle()
    account.create()
    assert account.status() == "Active"


def test_code_is_updated_by_what_it_is(account: Desk) -> None:
    account.create()
    before = account.scf("GetFunctionAddress")
    account.scf("UpdateFunctionCode", ZipFile=package(CODE + "#"), Handler="index.main")
    assert account.status() == "Updating"
    account.settle()
    assert account.status() == "Active"
    after = account.scf("GetFunctionAddress")
    archive = base64.b64decode(package(CODE + "#"))
    assert after["CodeSha256"] == hashlib.sha256(archive).hexdigest() != before["CodeSha256"]
    assert requests.get(after["Url"], timeout=60).content == archive
    assert requests.get(after["Url"].replace(after["CodeSha256"], "0" * 64), timeout=60).status_code == 404
    account.scf("UpdateFunctionCode", Code={"ZipFile": package(CODE)})
    assert account.scf("GetFunctionAddress") | {"RequestId": ""} == before | {"RequestId": ""}


def test_a_bad_update_leaves_what_runs_and_can_be_mended(account: Desk) -> None:
    account.create()
    account.scf("UpdateFunctionCode", ZipFile=package(CODE, "other.py"))
    account.settle()
    assert account.status() == "UpdateFailed"
    assert account.run()["code"] == 1
    assert account.refusal("PublishVersion") == "FailedOperation.PublishVersion"
    account.update(CODE.replace("1", "2"))
    assert account.status() == "Active"
    assert account.run()["code"] == 2


def test_configuration_changes_field_by_field(account: Desk) -> None:
    account.create(Description="before", Environment=variables(A="1"))
    account.scf("UpdateFunctionConfiguration", Timeout=60, Description="")
    account.settle()
    read = account.scf("GetFunction")
    assert (read["Timeout"], read["Description"], read["Environment"]) == (60, "", variables(A="1"))
    account.scf("UpdateFunctionConfiguration", Environment=variables(B="2"), Runtime="Python3.10")
    account.settle()
    assert account.scf("GetFunction")["Environment"] == variables(B="2")
    account.scf("UpdateFunctionConfiguration", Environment={"Variables": [{"Key": "", "Value": ""}]})
    account.settle()
    assert account.scf("GetFunction")["Environment"] == {"Variables": []}


def test_a_busy_function_refuses_each_write_in_its_own_words(account: Desk) -> None:
    account.create()
    account.scf("UpdateFunctionConfiguration", Timeout=60)
    writes: dict[str, dict[str, object]] = {
        "UpdateFunctionCode": {"ZipFile": package(CODE)},
        "UpdateFunctionConfiguration": {"Timeout": 1},
        "PublishVersion": {},
        "DeleteFunction": {},
    }
    for action, parameters in writes.items():
        assert account.refusal(action, parameters) == f"FailedOperation.{action}"
    trigger = {"TriggerName": "t", "Type": "timer"}
    assert account.refusal("CreateTrigger", **trigger, TriggerDesc="0 * * * * * *") == "FailedOperation.CreateTrigger"
    for action in ("UpdateTrigger", "DeleteTrigger"):
        assert account.refusal(action, **trigger) == "FailedOperation.FunctionStatusError"
    account.settle()
    assert account.scf("GetFunction")["Timeout"] == 60


def test_a_function_is_in_state_deleting_before_it_is_deleted(account: Desk) -> None:
    account.create()
    account.scf("DeleteFunction")
    assert account.status() == "Deleting"
    assert account.refusal("Invoke") == "FailedOperation.FunctionStatusError"
    code = {"ZipFile": package(CODE)}
    assert account.refusal("CreateFunction", Code=code, **MEMBERS) == "ResourceInUse.FunctionName"
    account.settle()
    for action in ("GetFunction", "DeleteFunction", "Invoke", "ListTriggers", "PublishVersion"):
        assert account.refusal(action) == "ResourceNotFound.FunctionName"


def test_functions_are_listed_filtered_and_paged(account: Desk) -> None:
    assert account.scf("ListFunctions")["TotalCount"] == 0
    for number in range(3):
        account.create(f"fn-{number}", Tags=[{"Key": "n", "Value": str(number)}], Description=f"d{number}")
        account.clock.now += 1  # the API's times are whole seconds

    def names(**parameters: object) -> list[str]:
        return [item["FunctionName"] for item in account.scf("ListFunctions", **parameters)["Functions"]]

    assert names(Orderby="FunctionName", Order="ASC") == ["fn-0", "fn-1", "fn-2"]
    assert names() == ["fn-2", "fn-1", "fn-0"]
    assert names(Offset=1, Limit=1, Orderby="FunctionName", Order="ASC") == ["fn-1"]
    assert names(SearchKey="-2") == ["fn-2"]
    assert names(Description="d1") == ["fn-1"]
    assert names(Filters=[{"Name": "tag-n", "Values": ["0", "7"]}]) == ["fn-0"]
    assert names(Filters=[{"Name": "Status", "Values": ["Active"]}, {"Name": "Runtime", "Values": ["Go1"]}]) == []
    assert names(Namespace="other") == []
    assert account.refusal("ListFunctions", Filters=[{"Name": "VpcId", "Values": []}]) == "UnsupportedOperation"
    # What the checkout serves is not in the account.
    assert account.refusal("GetFunction", FunctionName="query-video") == "ResourceNotFound.FunctionName"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"FunctionName": "1st"}, "InvalidParameterValue.FunctionName"),
        ({"FunctionName": "a"}, "InvalidParameterValue.FunctionName"),
        ({"FunctionName": "a" * 61}, "InvalidParameterValue.FunctionName"),
        ({"FunctionName": "name-"}, "InvalidParameterValue.FunctionName"),
        ({"Handler": "index"}, "InvalidParameterValue.Handler"),
        ({"Handler": "pack.age.main"}, "InvalidParameterValue.Handler"),
        ({"Handler": None}, "MissingParameter"),
        ({"Runtime": None}, "UnsupportedOperation"),
        ({"Runtime": "Nodejs18.15"}, "UnsupportedOperation"),
        ({"Runtime": "Python4"}, "InvalidParameterValue.Runtime"),
        ({"MemorySize": 100}, "InvalidParameterValue.MemorySize"),
        ({"MemorySize": 3200}, "LimitExceeded.Memory"),
        ({"MemorySize": "128"}, "InvalidParameter"),
        ({"Timeout": 0}, "InvalidParameterValue"),
        ({"Timeout": 901}, "LimitExceeded.Timeout"),
        ({"Description": "x" * 1001}, "InvalidParameterValue.Description"),
        ({"Environment": variables(**{"1A": "x"})}, "InvalidParameterValue.Environment"),
        ({"Environment": variables(SCF_X="x")}, "InvalidParameterValue.EnvironmentSystemProtect"),
        ({"Environment": variables(A="x" * MAX_ENVIRONMENT)}, "InvalidParameterValue.EnvironmentExceededLimit"),
        ({"Role": "absent"}, "ResourceNotFound.Role"),
        ({"Namespace": "other"}, "ResourceNotFound.Namespace"),
        ({"Code": None}, "MissingParameter.Code"),
        ({"Code": {}}, "MissingParameter.Code"),
        ({"Code": {"ZipFile": "?"}}, "InvalidParameterValue.ZipFileBase64BinasciiError"),
        ({"Code": {"ZipFile": "é"}}, "InvalidParameterValue.ZipFileBase64BinasciiError"),
        ({"Code": {"ZipFile": "AAAA"}}, "InvalidParameterValue.ZipFile"),
        ({"Code": {"ZipFile": package(CODE, "../index.py")}}, "InvalidParameterValue.ZipFile"),
        ({"Code": {"CosBucketName": "b"}}, "UnsupportedOperation"),
        ({"Type": "HTTP"}, "UnsupportedOperation"),
        ({"VpcConfig": {"VpcId": "vpc-1"}}, "UnsupportedOperation"),
        ({"AsyncRunEnable": "TRUE"}, "UnsupportedOperation"),
        ({"ClsLogsetId": "x"}, "UnsupportedOperation"),
        ({"Colour": "red"}, "UnknownParameter"),
    ],
    ids=str,
)
def test_a_wrong_new_function_is_refused(account: Desk, parameters: dict[str, object], code: str) -> None:
    given = {"Code": {"ZipFile": package(CODE)}, **MEMBERS, **parameters}
    assert account.refusal("CreateFunction", given) == code
    assert account.scf("ListFunctions")["TotalCount"] == 0


def test_switches_that_are_off_are_taken(account: Desk) -> None:
    account.create(
        Type="Event",
        CodeSource="ZipFile",
        AutoCreateClsTopic="FALSE",
        InstallDependency="FALSE",
        ClsLogsetId="",
        Environment=variables(A="x" * (MAX_ENVIRONMENT - 1)),
        PublicNetConfig={"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
    )
    assert account.status() == "Active"


def test_a_role_must_let_scf_take_it(account: Desk) -> None:
    account.cam("CreateRole", RoleName="run", PolicyDocument=TRUST_TEXT.replace("scf.", "cvm."))
    refused = account.refusal("CreateFunction", Code={"ZipFile": package(CODE)}, Role="run", **MEMBERS)
    assert refused == "InvalidParameter.RoleCheck"


def test_limits_of_updates(account: Desk) -> None:
    account.create()
    assert account.refusal("UpdateFunctionConfiguration", Runtime="Python3.9") == "InvalidParameterValue.Runtime"
    assert account.refusal("UpdateFunctionConfiguration", Role="absent") == "ResourceNotFound.Role"
    assert account.refusal("UpdateFunctionCode") == "MissingParameter.Code"
    assert account.refusal("UpdateFunctionCode", Publish="TRUE", ZipFile="") == "UnsupportedOperation"
    large = base64.b64encode(bytes(20 * 1024 * 1024 + 1)).decode()
    assert account.refusal("UpdateFunctionCode", ZipFile=large) == "InvalidParameterValue.LimitExceeded"
    assert account.status() == "Active"


def test_a_namespace_has_fifty_functions(account: Desk) -> None:
    account.create()
    only = account.cloud.account.functions[NAME]
    account.cloud.account.functions.update({f"fn-{number}": only for number in range(MAX_FUNCTIONS - 1)})
    given = {"Code": {"ZipFile": package(CODE)}, **MEMBERS}
    assert account.refusal("CreateFunction", {"FunctionName": "one-more", **given}) == "LimitExceeded.Function"
