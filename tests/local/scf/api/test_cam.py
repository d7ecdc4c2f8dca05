"""Roles, policies and the account, with Tencent's own clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.keys import APP_ID, UIN
from tests.support.desk import TRUST, Desk

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

TRUST_TEXT = json.dumps(TRUST)
POLICY = json.dumps({"version": "2.0", "statement": [{"effect": "allow", "action": "cos:GetObject", "resource": "*"}]})
PAGE = {"Page": 1, "Rp": 20}


def role(account: Desk, name: str = "run", **parameters: object) -> str:
    return str(account.cam("CreateRole", RoleName=name, PolicyDocument=TRUST_TEXT, **parameters)["RoleId"])


def policy(account: Desk, name: str = "least") -> int:
    return int(account.cam("CreatePolicy", PolicyName=name, PolicyDocument=POLICY, Description="d")["PolicyId"])


def attached(account: Desk) -> list[str]:
    found = account.cam("ListAttachedRolePolicies", RoleName="run", **PAGE)
    assert found["TotalNum"] == len(found["List"])
    return [one["PolicyName"] for one in found["List"]]


def test_a_role_is_read_back_by_name_and_by_id(account: Desk) -> None:
    role_id = role(account, Description="d", Tags=[{"Key": "k", "Value": "v"}])
    read = account.cam("GetRole", RoleName="run")["RoleInfo"]
    assert read == account.cam("GetRole", RoleId=role_id)["RoleInfo"]
    expected: dict[str, Any] = {
        "RoleName": "run",
        "RoleId": role_id,
        "PolicyDocument": TRUST_TEXT,
        "Description": "d",
        "Tags": [{"Key": "k", "Value": "v"}],
        "RoleArn": f"qcs::cam::uin/{UIN}:roleName/run",
    }
    assert {name: read[name] for name in expected} == expected


def test_a_role_is_changed(account: Desk) -> None:
    role(account)
    other = TRUST_TEXT.replace("scf", "cvm")
    account.cam("UpdateAssumeRolePolicy", RoleName="run", PolicyDocument=other)
    account.cam("UpdateRoleDescription", RoleName="run", Description="new")
    for value in ("1", "2"):
        account.cam("TagRole", RoleName="run", Tags=[{"Key": "k", "Value": value}])
    read = account.cam("GetRole", RoleName="run")["RoleInfo"]
    assert (read["PolicyDocument"], read["Description"]) == (other, "new")
    assert read["Tags"] == [{"Key": "k", "Value": "2"}]


def test_roles_are_listed_by_tag_and_deleted(account: Desk) -> None:
    role(account)
    role(account, "tagged", Tags=[{"Key": "k", "Value": "v"}])
    assert account.cam("DescribeRoleList", **PAGE)["TotalNum"] == 2
    found = account.cam("DescribeRoleList", **PAGE, Tags=[{"Key": "k", "Value": "v"}])
    assert [one["RoleName"] for one in found["List"]] == ["tagged"]
    account.cam("DeleteRole", RoleName="tagged")
    assert account.refusal("cam.GetRole", RoleName="tagged") == "InvalidParameter.RoleNotExist"


def test_a_policy_is_read_back_changed_and_listed(account: Desk) -> None:
    first, second = policy(account), policy(account, "other")
    read = account.cam("GetPolicy", PolicyId=first)
    assert (read["PolicyName"], read["PolicyDocument"], read["Description"], read["Type"]) == ("least", POLICY, "d", 1)
    wider = POLICY.replace("GetObject", "*")
    assert account.cam("UpdatePolicy", PolicyName="least", PolicyDocument=wider)["PolicyId"] == first
    assert "PolicyId" not in account.cam("UpdatePolicy", PolicyId=first, Description="new")
    read = account.cam("GetPolicy", PolicyId=first)
    assert (read["PolicyDocument"], read["Description"]) == (wider, "new")
    listed = account.cam("ListPolicies", Scope="Local", Keyword="oth")
    assert [(one["PolicyId"], one["PolicyName"]) for one in listed["List"]] == [(second, "other")]
    assert account.cam("ListPolicies", Rp=1, Page=2)["List"][0]["PolicyId"] == second
    assert account.cam("ListPolicies", Scope="QCS")["TotalNum"] == 0


def test_policies_are_attached_and_detached(account: Desk) -> None:
    role(account)
    first = policy(account)
    policy(account, "other")
    for _ in range(2):
        account.cam("AttachRolePolicy", AttachRoleName="run", PolicyId=first)
    account.cam("AttachRolePolicy", AttachRoleName="run", PolicyName="other")
    assert attached(account) == ["least", "other"]
    account.cam("DetachRolePolicy", DetachRoleName="run", PolicyId=first)
    assert attached(account) == ["other"]
    account.cam("DeletePolicy", PolicyId=[first])
    assert account.refusal("cam.GetPolicy", PolicyId=first) == "ResourceNotFound.PolicyIdNotFound"
    (other,) = account.cam("ListPolicies")["List"]
    account.cam("DeletePolicy", PolicyId=[other["PolicyId"]])
    assert attached(account) == []


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("CreateRole", {"RoleName": "run", "PolicyDocument": TRUST_TEXT}, "InvalidParameter.RoleNameInUse"),
        ("CreateRole", {"RoleName": "a b", "PolicyDocument": TRUST_TEXT}, "InvalidParameter.RoleNameError"),
        ("CreateRole", {"RoleName": "r", "PolicyDocument": POLICY}, "InvalidParameter.PrincipalError"),
        ("CreatePolicy", {"PolicyName": "least", "PolicyDocument": POLICY}, "FailedOperation.PolicyNameInUse"),
        ("CreatePolicy", {"PolicyName": "", "PolicyDocument": POLICY}, "InvalidParameter.PolicyNameError"),
        ("CreatePolicy", {"PolicyName": "p", "PolicyDocument": "{"}, "InvalidParameter.PolicyDocumentError"),
        ("CreatePolicy", {"PolicyName": "p", "PolicyDocument": "{}"}, "InvalidParameter.VersionError"),
        (
            "CreatePolicy",
            {"PolicyName": "p", "PolicyDocument": '{"version":"2.0","statement":[]}'},
            "InvalidParameter.StatementError",
        ),
        (
            "CreatePolicy",
            {"PolicyName": "p", "PolicyDocument": POLICY.replace("allow", "let")},
            "InvalidParameter.EffectError",
        ),
        ("CreatePolicy", {"PolicyName": "p", "PolicyDocument": TRUST_TEXT}, "InvalidParameter.ResourceError"),
        (
            "CreatePolicy",
            {"PolicyName": "p", "PolicyDocument": " " * 6145},
            "InvalidParameter.PolicyDocumentLengthOverLimit",
        ),
        (
            "CreatePolicy",
            {"PolicyName": "p", "PolicyDocument": POLICY, "Description": "長" * 101},
            "InvalidParameter.DescriptionLengthOverlimit",
        ),
        ("GetRole", {}, "MissingParameter"),
        ("GetRole", {"RoleId": "1"}, "InvalidParameter.RoleNotExist"),
        ("AttachRolePolicy", {"AttachRoleName": "run"}, "MissingParameter"),
        (
            "AttachRolePolicy",
            {"AttachRoleName": "run", "PolicyName": "QcloudCOSFullAccess"},
            "ResourceNotFound.PolicyIdNotFound",
        ),
        ("DeletePolicy", {"PolicyId": [404]}, "ResourceNotFound.PolicyIdNotFound"),
        ("CreateUser", {"Name": "x"}, "InvalidAction"),
    ],
)
def test_wrong_parameters_are_refused(account: Desk, action: str, parameters: dict[str, object], code: str) -> None:
    role(account)
    policy(account)
    assert account.refusal(f"cam.{action}", parameters) == code


def test_a_missing_permission_is_named(account: Desk) -> None:
    account.cloud.scf.denied.add("cam:CreateRole")
    refused = account.refusal("cam.CreateRole", RoleName="run", PolicyDocument=TRUST_TEXT)
    assert refused == "AuthFailure.UnauthorizedOperation"


def test_the_account_says_who_it_is(account: Desk) -> None:
    caller = account.call("sts", "GetCallerIdentity", {})
    assert (caller["AccountId"], caller["Type"]) == (UIN, "CAMUser")
    told = account.cam("GetUserAppId")
    assert (told["AppId"], told["OwnerUin"]) == (int(APP_ID), UIN)
