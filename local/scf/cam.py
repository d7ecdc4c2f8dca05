"""CAM and STS as far as a deployer needs them: roles, custom policies and who is asking.

Requests, replies and codes are those of tencentcloud-sdk-python-cam (v20190116) and -sts (v20180813), models.py and
errorcodes.py. Policies are stored but not enforced: the local keys can do everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.keys import APP_ID, UIN
from local.scf.account import Account, Policy, Role, Tag
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
from local.scf.parameters import Action, Answer, ApiError, Parameters, action, json_object

#: Characters of a policy (CAM limits, 598/10617), bytes of a description (InvalidParameter.DescriptionLengthOverlimit).
MAX_DOCUMENT, MAX_DESCRIPTION = 6144, 300
NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}")


class CamActions:
    """CAM's actions on roles, policies and the account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.actions: Mapping[str, Action] = {
            "CreateRole": action(CreateRole, self._create_role),
            "GetRole": action(NamedRole, self._get_role),
            "DeleteRole": action(NamedRole, self._delete_role),
            "UpdateAssumeRolePolicy": action(UpdateAssumeRolePolicy, self._update_trust),
            "UpdateRoleDescription": action(UpdateRoleDescription, self._update_description),
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
        _check_name(given.role_name, "InvalidParameter.RoleNameError")
        if given.role_name in self._account.roles:
            raise ApiError("InvalidParameter.RoleNameInUse", f"role {given.role_name} exists")
        _check_description(given.description)
        now = self._account.now()
        role = Role(
            role_name=given.role_name,
            role_id=f"4611686018{self._account.new_id():09}",
            policy_document=_document(given.policy_document, "principal"),
            description=given.description,
            session_duration=given.session_duration,
            tags=[Tag(key=tag.key, value=tag.value) for tag in given.tags],
            add_time=now,
            update_time=now,
        )
        self._account.roles[role.role_name] = role
        return {"RoleId": role.role_id}

    def _get_role(self, given: NamedRole) -> Answer:
        return {"RoleInfo": _role(self._role(given.role_name, given.role_id))}

    def _delete_role(self, given: NamedRole) -> Answer:
        # No document says whether a role with policies can be deleted. Here it can, and the policies stay.
        del self._account.roles[self._role(given.role_name, given.role_id).role_name]
        return {}

    def _update_trust(self, given: UpdateAssumeRolePolicy) -> Answer:
        role = self._role(given.role_name, given.role_id)
        role.policy_document = _document(given.policy_document, "principal")
        role.update_time = self._account.now()
        return {}

    def _update_description(self, given: UpdateRoleDescription) -> Answer:
        _check_description(given.description)
        role = self._role(given.role_name, given.role_id)
        role.description, role.update_time = given.description, self._account.now()
        return {}

    def _tag_role(self, given: TagRole) -> Answer:
        role = self._role(given.role_name, given.role_id)
        tags = {tag.key: tag.value for tag in role.tags} | {tag.key: tag.value for tag in given.tags}
        role.tags = [Tag(key=key, value=value) for key, value in tags.items()]
        return {}

    def _list_roles(self, given: ListRoles) -> Answer:
        wanted = {(tag.key, tag.value) for tag in given.tags}
        roles = [
            _role(role)
            for role in self._account.roles.values()
            if wanted <= {(tag.key, tag.value) for tag in role.tags}
        ]
        return {"List": _page(roles, given.page, given.rp), "TotalNum": len(roles)}

    def _create_policy(self, given: CreatePolicy) -> Answer:
        _check_name(given.policy_name, "InvalidParameter.PolicyNameError")
        if any(policy.policy_name == given.policy_name for policy in self._account.policies.values()):
            raise ApiError("FailedOperation.PolicyNameInUse", f"policy {given.policy_name} exists")
        _check_description(given.description)
        now = self._account.now()
        policy = Policy(
            policy_id=self._account.new_id(),
            policy_name=given.policy_name,
            policy_document=_document(given.policy_document, "resource"),
            description=given.description,
            add_time=now,
            update_time=now,
        )
        self._account.policies[policy.policy_id] = policy
        return {"PolicyId": policy.policy_id}

    def _get_policy(self, given: GetPolicy) -> Answer:
        policy = self._policy(given.policy_id)
        shown = policy.model_dump(by_alias=True, exclude={"policy_id"})
        return {**shown, "Type": 1, "PresetAlias": "", "IsServiceLinkedRolePolicy": 0, "Tags": []}

    def _update_policy(self, given: UpdatePolicy) -> Answer:
        policy = self._policy(given.policy_id, given.policy_name)
        if given.policy_document is not None:
            policy.policy_document = _document(given.policy_document, "resource")
        if given.description is not None:
            _check_description(given.description)
            policy.description = given.description
        policy.update_time = self._account.now()
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
        page = _page(policies, given.page, given.rp)
        return {"List": page, "TotalNum": len(policies), "ServiceTypeList": []}

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
        role = self._role(given.role_name, given.role_id)
        attached = [
            {
                "PolicyId": policy_id,
                "PolicyName": self._account.policies[policy_id].policy_name,
                "Description": self._account.policies[policy_id].description,
                "AddTime": added,
                "PolicyType": "User",
                "CreateMode": 2,
                "Deactived": 0,
                "DeactivedDetail": [],
            }
            for policy_id, added in role.policies.items()
            if given.policy_type != "QCS" and given.keyword in self._account.policies[policy_id].policy_name
        ]
        return {"List": _page(attached, given.page, given.rp), "TotalNum": len(attached)}

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


def _check_name(name: str, code: str) -> None:
    if not NAME.fullmatch(name):
        raise ApiError(code, "a name has 1 to 128 letters, digits and +=,.@-_")


def _check_description(text: str) -> None:
    if len(text.encode(errors="replace")) > MAX_DESCRIPTION:
        raise ApiError("InvalidParameter.DescriptionLengthOverlimit", f"Description can have {MAX_DESCRIPTION} bytes")


def _document(text: str, needed: str) -> str:
    """Check a policy, whose statements must all have a `needed` part, and return it. Raises ApiError."""
    if len(text) > MAX_DOCUMENT:
        raise ApiError("InvalidParameter.PolicyDocumentLengthOverLimit", f"a policy can have {MAX_DOCUMENT} characters")
    document = json_object(text, "InvalidParameter.PolicyDocumentError", "PolicyDocument is a JSON object")
    if document.get("version") != "2.0":
        raise ApiError("InvalidParameter.VersionError", "version is 2.0")
    statements = document.get("statement")
    if not isinstance(statements, list) or not statements:
        raise ApiError("InvalidParameter.StatementError", "statement is a list of objects")
    for statement in statements:
        _check_statement(statement, needed)
    return text


def _check_statement(statement: object, needed: str) -> None:
    if not isinstance(statement, dict):
        raise ApiError("InvalidParameter.StatementError", "statement is a list of objects")
    for part in ("effect", "action", needed):
        if not statement.get(part):
            raise ApiError(f"InvalidParameter.{part.title()}Error", f"a statement has no {part}")
    if statement["effect"] not in ("allow", "deny"):
        raise ApiError("InvalidParameter.EffectError", "effect is allow or deny")


def _page(items: list[dict[str, object]], page: int, size: int) -> list[dict[str, object]]:
    return items[(page - 1) * size : page * size]


def _role(role: Role) -> dict[str, object]:
    return {
        **role.model_dump(by_alias=True, exclude={"policies"}),
        "ConsoleLogin": 0,
        "RoleType": "user",
        "DeletionTaskId": "",
        "RoleArn": f"qcs::cam::uin/{UIN}:roleName/{role.role_name}",
    }
