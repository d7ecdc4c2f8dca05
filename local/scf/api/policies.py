"""CAM's actions on custom policies, and on those of roles.

They are stored but not enforced: the local keys can do everything.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from local.scf.api.account import Account, Policy
from local.scf.api.actions import AccountAction
from local.scf.api.cam_parameters import Description, Page, Permissions, cam_name, change
from local.scf.api.parameters import Answer, ApiError, Parameters
from local.scf.api.roles import NamedRole


class NamedPolicy(Parameters):
    """Parameters that name a policy, by name or by id."""

    policy_id: int | None = None
    policy_name: str | None = None

    def policy(self, account: Account) -> Policy:
        """Return the policy. Raises ApiError."""
        if self.policy_name is None and self.policy_id is None:
            raise ApiError("MissingParameter", "a policy's name or id is missing")
        for policy in account.policies.values():
            if self.policy_name in (None, policy.policy_name) and self.policy_id in (None, policy.policy_id):
                return policy
        message = f"there is no policy {str(self.policy_name or self.policy_id)[:128]!a}; preset ones are not emulated"
        raise ApiError("ResourceNotFound.PolicyIdNotFound", message)


class CreatePolicy(AccountAction):
    """Create a policy."""

    not_emulated = ("Tags",)
    policy_name: Annotated[str, cam_name("InvalidParameter.PolicyNameError")]
    policy_document: Permissions
    description: Description = ""

    def _run(self, account: Account) -> Answer:
        if any(policy.policy_name == self.policy_name for policy in account.policies.values()):
            raise ApiError("FailedOperation.PolicyNameInUse", f"policy {self.policy_name} exists")
        now, policy_id = account.now(), account.new_id()
        account.policies[policy_id] = Policy(**self.model_dump(), policy_id=policy_id, add_time=now, update_time=now)
        return {"PolicyId": policy_id}


class GetPolicy(NamedPolicy, AccountAction):
    """Read a policy."""

    policy_id: int

    def _run(self, account: Account) -> Answer:
        shown = self.policy(account).model_dump(by_alias=True, exclude={"policy_id"})
        return {**shown, "Type": 1, "PresetAlias": "", "IsServiceLinkedRolePolicy": 0, "Tags": []}


class UpdatePolicy(NamedPolicy, AccountAction):
    """Change a policy's document and description."""

    not_emulated = ("Alias",)
    policy_document: Permissions | None = None
    description: Description | None = None

    def _run(self, account: Account) -> Answer:
        policy = self.policy(account)
        change(account, policy, self)
        return {"PolicyId": policy.policy_id} if self.policy_id is None else {}


class DeletePolicy(AccountAction):
    """Delete policies, and take them from all roles."""

    policy_id: list[int]

    def _run(self, account: Account) -> Answer:
        for policy in [NamedPolicy.model_validate({"PolicyId": each}).policy(account) for each in self.policy_id]:
            del account.policies[policy.policy_id]
            for role in account.roles.values():
                role.policies.pop(policy.policy_id, None)
        return {}


class ListPolicies(Page, AccountAction):
    """List the policies; QCS are the preset ones, of which there are none here."""

    page: Annotated[int, Field(ge=1, le=200)] = 1
    rp: Annotated[int, Field(ge=1, le=200)] = 20
    scope: Literal["All", "QCS", "Local"] = "All"
    keyword: str = ""

    def _run(self, account: Account) -> Answer:
        policies = [
            {**policy.model_dump(by_alias=True, exclude={"policy_document"}), "Type": 1, "CreateMode": 2}
            for policy in account.policies.values()
            if self.keyword in policy.policy_name and self.scope != "QCS"
        ]
        return {**self.reply(policies), "ServiceTypeList": []}


class AttachRolePolicy(NamedPolicy, NamedRole, AccountAction):
    """Give a policy to a role."""

    role_id: str | None = Field(default=None, alias="AttachRoleId")
    role_name: str | None = Field(default=None, alias="AttachRoleName")

    def _run(self, account: Account) -> Answer:
        self.role(account).policies.setdefault(self.policy(account).policy_id, account.now())
        return {}


class DetachRolePolicy(NamedPolicy, NamedRole, AccountAction):
    """Take a policy from a role."""

    role_id: str | None = Field(default=None, alias="DetachRoleId")
    role_name: str | None = Field(default=None, alias="DetachRoleName")

    def _run(self, account: Account) -> Answer:
        self.role(account).policies.pop(self.policy(account).policy_id, None)
        return {}


class ListAttachedRolePolicies(NamedRole, Page, AccountAction):
    """List the policies of a role."""

    policy_type: Literal["", "User", "QCS"] = ""
    keyword: str = ""

    def _run(self, account: Account) -> Answer:
        attached = [
            {
                **policy.model_dump(by_alias=True, include={"policy_id", "policy_name", "description"}),
                "AddTime": added,
                "PolicyType": "User",
                "CreateMode": 2,
                "Deactived": 0,
                "DeactivedDetail": [],
            }
            for policy_id, added in self.role(account).policies.items()
            if self.policy_type != "QCS" and self.keyword in (policy := account.policies[policy_id]).policy_name
        ]
        return self.reply(attached)


POLICY_ACTIONS = (
    *(CreatePolicy, GetPolicy, UpdatePolicy, DeletePolicy, ListPolicies),
    *(AttachRolePolicy, DetachRolePolicy, ListAttachedRolePolicies),
)
