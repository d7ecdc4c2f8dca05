"""CAM's actions on roles, and those of CAM and STS that say whose account it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from local.keys import APP_ID, UIN
from local.scf.api.account import Account, Role
from local.scf.api.actions import AccountAction
from local.scf.api.cam_parameters import Description, Page, TrustPolicy, cam_name, change
from local.scf.api.parameters import Answer, ApiError, Parameters, Tag


class NamedRole(Parameters):
    """Parameters that name a role, by name or by id."""

    role_name: str | None = None
    role_id: str | None = None

    def role(self, account: Account) -> Role:
        """Return the role. Raises ApiError."""
        if self.role_name is None and self.role_id is None:
            raise ApiError("MissingParameter", "a role's name or id is missing")
        for role in account.roles.values():
            if self.role_name in (None, role.role_name) and self.role_id in (None, role.role_id):
                return role
        wanted = str(self.role_name or self.role_id)[:128]
        raise ApiError("InvalidParameter.RoleNotExist", f"there is no role {wanted!a}")


class CreateRole(AccountAction):
    """Create a role."""

    role_name: Annotated[str, cam_name("InvalidParameter.RoleNameError")]
    policy_document: TrustPolicy
    description: Description = ""
    session_duration: Annotated[int, Field(ge=0, le=43200)] = 0
    console_login: Literal[0] = 0
    tags: list[Tag] = Field(default_factory=list)

    def _run(self, account: Account) -> Answer:
        if self.role_name in account.roles:
            raise ApiError("InvalidParameter.RoleNameInUse", f"role {self.role_name} exists")
        role = Role(
            **self.model_dump(exclude={"console_login", "tags"}),
            tags=self.tags,
            role_id=f"4611686018{account.new_id():09}",
            add_time=account.now(),
            update_time=account.now(),
        )
        account.roles[role.role_name] = role
        return {"RoleId": role.role_id}


class GetRole(NamedRole, AccountAction):
    """Read a role."""

    def _run(self, account: Account) -> Answer:
        return {"RoleInfo": _shown(self.role(account))}


class DeleteRole(NamedRole, AccountAction):
    """Delete a role. No document says whether one with policies can be deleted: here it can, and the policies stay."""

    def _run(self, account: Account) -> Answer:
        del account.roles[self.role(account).role_name]
        return {}


class UpdateAssumeRolePolicy(NamedRole, AccountAction):
    """Change who can take a role."""

    policy_document: TrustPolicy

    def _run(self, account: Account) -> Answer:
        return change(account, self.role(account), self)


class UpdateRoleDescription(NamedRole, AccountAction):
    """Change a role's description."""

    description: Description

    def _run(self, account: Account) -> Answer:
        return change(account, self.role(account), self)


class TagRole(NamedRole, AccountAction):
    """Add tags to a role; one with the same key is replaced."""

    tags: list[Tag]

    def _run(self, account: Account) -> Answer:
        role = self.role(account)
        role.tags = list({tag.key: tag for tag in (*role.tags, *self.tags)}.values())
        return {}


class DescribeRoleList(Page, AccountAction):
    """List the roles that have all the tags."""

    tags: list[Tag] = Field(default_factory=list)

    def _run(self, account: Account) -> Answer:
        return self.reply([_shown(role) for role in account.roles.values() if set(self.tags) <= set(role.tags)])


class GetUserAppId(AccountAction):
    """Return the account's numbers."""

    def _run(self, _: Account) -> Answer:
        return {"Uin": UIN, "OwnerUin": UIN, "AppId": int(APP_ID)}


class GetCallerIdentity(AccountAction):
    """Return who calls, for STS: the local account, for any of its keys."""

    def _run(self, _: Account) -> Answer:
        return {
            "Arn": f"qcs::cam::uin/{UIN}:uin/{UIN}",
            "AccountId": UIN,
            "UserId": UIN,
            "PrincipalId": UIN,
            "Type": "CAMUser",
        }


ROLE_ACTIONS = (
    *(CreateRole, GetRole, DeleteRole, UpdateAssumeRolePolicy, UpdateRoleDescription, TagRole, DescribeRoleList),
    GetUserAppId,
)


def _shown(role: Role) -> dict[str, object]:
    return {
        **role.model_dump(by_alias=True, exclude={"policies"}),
        "ConsoleLogin": 0,
        "RoleType": "user",
        "DeletionTaskId": "",
        "RoleArn": f"qcs::cam::uin/{UIN}:roleName/{role.role_name}",
    }
