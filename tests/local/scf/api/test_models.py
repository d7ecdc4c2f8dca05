"""Tencent's own typed clients: their models warn of a field that they do not have, in a request or in a reply."""

from __future__ import annotations

import json
import warnings
from types import ModuleType
from typing import Any

import pytest
from tencentcloud.cam.v20190116 import cam_client
from tencentcloud.cam.v20190116 import models as cam_models
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416 import models as scf_models
from tencentcloud.scf.v20180416 import scf_client

from local.keys import PERMANENT, REGION
from tests.local.scf.api.test_triggers import TIMER, URL
from tests.support.desk import NAME, TRUST, Desk

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

POLICY = json.dumps({"version": "2.0", "statement": [{"effect": "allow", "action": "cos:*", "resource": "*"}]})
SCF: list[tuple[str, dict[str, Any]]] = [
    ("GetFunction", {"ShowCode": "TRUE"}),
    ("ListFunctions", {}),
    ("GetFunctionAddress", {}),
    ("CreateTrigger", {**URL, "TriggerName": "other", "Qualifier": "$LATEST"}),
    ("ListTriggers", {}),
    ("ListVersionByFunction", {}),
    ("GetAlias", {"Name": "$DEFAULT"}),
    ("ListAliases", {}),
    ("Invoke", {"LogType": "Tail"}),
    ("Invoke", {"InvocationType": "Event"}),
    ("InvokeFunction", {"Event": "{}"}),
    ("UpdateFunctionConfiguration", {"Timeout": 5}),
    ("PublishVersion", {"Description": "d"}),
    ("DeleteFunction", {}),
]
CAM: list[tuple[str, dict[str, Any]]] = [
    ("GetRole", {"RoleName": "run"}),
    ("DescribeRoleList", {"Page": 1, "Rp": 20}),
    ("CreatePolicy", {"PolicyName": "p", "PolicyDocument": POLICY}),
    ("ListPolicies", {"Scope": "Local"}),
    ("AttachRolePolicy", {"AttachRoleName": "run", "PolicyName": "p"}),
    ("ListAttachedRolePolicies", {"RoleName": "run", "Page": 1, "Rp": 20}),
    ("UpdatePolicy", {"PolicyName": "p", "Description": "d"}),
    ("GetUserAppId", {}),
    ("DeleteRole", {"RoleName": "run"}),
]


def ask(account: Desk, client_type: Any, models: ModuleType, action: str, parameters: dict[str, Any]) -> Any:
    """A typed reply to a typed request; a field that the models lack is an error."""
    endpoint = account.cloud.gateway.removeprefix("http://")
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint))
    client = client_type(Credential(*PERMANENT), REGION, profile)
    request = getattr(models, f"{action}Request")()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*fileds are useless.*")
            request.from_json_string(json.dumps(parameters))
            return getattr(client, action)(request)
    finally:
        client.request.conn._session.close()


def test_the_models_of_scf_know_every_field(account: Desk) -> None:
    account.create()
    account.scf("CreateTrigger", **TIMER)
    for action, parameters in SCF:
        named = parameters if action == "ListFunctions" else {"FunctionName": NAME, **parameters}
        reply = ask(account, scf_client.ScfClient, scf_models, action, named)
        assert reply.RequestId
        account.settle()


def test_the_models_of_cam_know_every_field(account: Desk) -> None:
    account.cam("CreateRole", RoleName="run", PolicyDocument=json.dumps(TRUST))
    for action, parameters in CAM:
        reply = ask(account, cam_client.CamClient, cam_models, action, parameters)
        assert reply.RequestId
    policy = account.cam("ListPolicies")["List"][0]["PolicyId"]
    read = ask(account, cam_client.CamClient, cam_models, "GetPolicy", {"PolicyId": policy})
    assert (read.PolicyName, read.Description) == ("p", "d")
    assert ask(account, cam_client.CamClient, cam_models, "DeletePolicy", {"PolicyId": [policy]}).RequestId
