"""Actions of CAM and STS that a deployer needs: roles, custom policies, the caller's identity.

Requests, replies and codes are those of tencentcloud-sdk-python-cam (v20190116) and -sts (v20180813), models.py and
errorcodes.py. Policies are stored but not enforced: the local keys can do everything.
"""

from __future__ import annotations

from collections.abc import Mapping

from local.keys import APP_ID, UIN
from local.scf.account import Account, Policy, Role
from local.scf.cam_parameters import (
    AttachRolePolicy,
    CreatePolicy,
    CreateRole,
    DeletePolicy,
    DetachRolePolicy,
    GetPolicy,
    ListAttachedRolePolicies,
    ListPolicies,
    ListRoles,
    NamedRole,
    TagRole,
    UpdateAssumeRolePolicy,
    UpdatePolicy,
    UpdateRoleDescription,
)
from local.scf.parameters import Action, Answer, ApiError, Parameters, action


class CamActions:
    """CAM's actions on roles, policies and the account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.actions: Mapping[str, Action] = {
            "CreateRole": action(CreateRole, self._create_role),
            "GetRole": action(NamedRole, self._get_role),
            "DeleteRole": action(NamedRole, self._delete_role),
            "UpdateAssumeRolePolicy": action(UpdateAssumeRolePolicy, self._update_role),
            "UpdateRoleDescription": action(UpdateRoleDescription, self._update_role),
            "TagRole": action(TagRole, self._tag_role),
            "DescribeRoleList": action(ListRoles, self._list_roles),
            "CreatePolicy": action(CreatePolicy, self._create_policy),
            "GetPolicy": action(GetPolicy, self._get_policy),
            "UpdatePolicy": action(UpdatePolicy, self._update_policy),
            "DeletePolicy": action(DeletePolicy, self._delete_policy),
            "ListPolicies": action(ListPolicies, self._list_policies),
            "AttachRolePolicy": action(AttachRolePolicy, self._attach),
            "DetachRolePolicy": action(DetachRolePolicy, self._detach),
            "ListAttachedRolePolicies": action(ListAttachedRolePolicies, self._list_attached),
            "GetUserAppId": action(Parameters, _app_id),
        }

    def _create_role(self, given: CreateRole) -> Answer:
        if given.role_name in self._account.roles:
            raise ApiError("InvalidParameter.RoleNameInUse", f"role {given.role_name} exists")
        now = self._account.now()
        role = Role(
            **given.model_dump(exclude={"console_login", "tags"}),
            tags=given.tags,
            role_id=f"4611686018{self._account.new_id():09}",
            add_time=now,
            update_time=now,
        )
        self._account.roles[role.role_name] = role
        return {"RoleId": role.role_id}

    def _get_role(self, given: NamedRole) -> Answer:
        return {"RoleInfo": _shown(self._role(given.role_name, given.role_id))}

    def _delete_role(self, given: NamedRole) -> Answer:
        # No document says whether a role with policies can be deleted. Here it can, and the policies stay.
        del self._account.roles[self._role(given.role_name, given.role_id).role_name]
        return {}

    def _update_role(self, given: NamedRole) -> Answer:
        self._change(self._role(given.role_name, given.role_id), given)
        return {}

    def _tag_role(self, given: TagRole) -> Answer:
        role = self._role(given.role_name, given.role_id)
        role.tags = list({tag.key: tag for tag in (*role.tags, *given.tags)}.values())
        return {}

    def _list_roles(self, given: ListRoles) -> Answer:
        return given.reply([_shown(role) for role in self._account.roles.values() if set(given.tags) <= set(role.tags)])

    def _create_policy(self, given: CreatePolicy) -> Answer:
        if any(policy.policy_name == given.policy_name for policy in self._account.policies.values()):
            raise ApiError("FailedOperation.PolicyNameInUse", f"policy {given.policy_name} exists")
        now, policy_id = self._account.now(), self._account.new_id()
        policy = Policy(**given.model_dump(), policy_id=policy_id, add_time=now, update_time=now)
        self._account.policies[policy_id] = policy
        return {"PolicyId": policy_id}

    def _get_policy(self, given: GetPolicy) -> Answer:
        shown = self._policy(given.policy_id).model_dump(by_alias=True, exclude={"policy_id"})
        return {**shown, "Type": 1, "PresetAlias": "", "IsServiceLinkedRolePolicy": 0, "Tags": []}

    def _update_policy(self, given: UpdatePolicy) -> Answer:
        policy = self._policy(given.policy_id, given.policy_name)
        self._change(policy, given)
        return {"PolicyId": policy.policy_id} if given.policy_id is None else {}

    def _delete_policy(self, given: DeletePolicy) -> Answer:
        for policy in [self._policy(policy_id) for policy_id in given.policy_id]:
            del self._account.policies[policy.policy_id]
            for role in self._account.roles.values():
                role.policies.pop(policy.policy_id, None)
        return {}

    def _list_policies(self, given: ListPolicies) -> Answer:
        policies = [
            {**policy.model_dump(by_alias=True, exclude={"policy_document"}), "Type": 1, "CreateMode": 2}
            for policy in self._account.policies.values()
            if given.keyword in policy.policy_name and given.scope != "QCS"
        ]
        return {**given.reply(policies), "ServiceTypeList": []}

    def _attach(self, given: AttachRolePolicy) -> Answer:
        role = self._role(given.attach_role_name, given.attach_role_id)
        policy = self._policy(given.policy_id, given.policy_name)
        role.policies.setdefault(policy.policy_id, self._account.now())
        return {}

    def _detach(self, given: DetachRolePolicy) -> Answer:
        role = self._role(given.detach_role_name, given.detach_role_id)
        role.policies.pop(self._policy(given.policy_id, given.policy_name).policy_id, None)
        return {}

    def _list_attached(self, given: ListAttachedRolePolicies) -> Answer:
        attached = [
            {
                **policy.model_dump(by_alias=True, include={"policy_id", "policy_name", "description"}),
                "AddTime": added,
                "PolicyType": "User",
                "CreateMode": 2,
                "Deactived": 0,
                "DeactivedDetail": [],
            }
            for policy_id, added in self._role(given.role_name, given.role_id).policies.items()
            if given.policy_type != "QCS" and given.keyword in (policy := self._policy(policy_id)).policy_name
        ]
        return given.reply(attached)

    def _change(self, record: Role | Policy, given: Parameters) -> None:
        """Set what a request gives of a record's document and description."""
        for name in {"policy_document", "description"} & given.model_fields_set:
            setattr(record, name, getattr(given, name))
        record.update_time = self._account.now()

    def _role(self, name: str | None, role_id: str | None) -> Role:
        if name is None and role_id is None:
            raise ApiError("MissingParameter", "a role's name or id is missing")
        for role in self._account.roles.values():
            if name in (None, role.role_name) and role_id in (None, role.role_id):
                return role
        raise ApiError("InvalidParameter.RoleNotExist", f"there is no role {str(name or role_id)[:128]!a}")

    def _policy(self, policy_id: int | None, name: str | None = None) -> Policy:
        if name is None and policy_id is None:
            raise ApiError("MissingParameter", "a policy's name or id is missing")
        for policy in self._account.policies.values():
            if name in (None, policy.policy_name) and policy_id in (None, policy.policy_id):
                return policy
        message = f"there is no policy {str(name or policy_id)[:128]!a}; preset ones are not emulated"
        raise ApiError("ResourceNotFound.PolicyIdNotFound", message)


def caller_identity(_: Parameters) -> Answer:
    """STS's GetCallerIdentity: the local account, for any of its keys."""
    return {
        "Arn": f"qcs::cam::uin/{UIN}:uin/{UIN}",
        "AccountId": UIN,
        "UserId": UIN,
        "PrincipalId": UIN,
        "Type": "CAMUser",
    }


def _app_id(_: Parameters) -> Answer:
    return {"Uin": UIN, "OwnerUin": UIN, "AppId": int(APP_ID)}


def _shown(role: Role) -> dict[str, object]:
    return {
        **role.model_dump(by_alias=True, exclude={"policies"}),
        "ConsoleLogin": 0,
        "RoleType": "user",
        "DeletionTaskId": "",
        "RoleArn": f"qcs::cam::uin/{UIN}:roleName/{role.role_name}",
    }
