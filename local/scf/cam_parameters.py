"""The parameters of CAM's actions on roles and policies (tencentcloud-sdk-python-cam, v20190116, models.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from local.scf.parameters import Answer, ApiError, Parameters, Tag, json_object, rule

#: Characters of a policy (CAM limits, 598/10617), bytes of a description (InvalidParameter.DescriptionLengthOverlimit).
MAX_DOCUMENT, MAX_DESCRIPTION = 6144, 300

IS_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}").fullmatch
NAME_RULE = "a name has 1 to 128 letters, digits and +=,.@-_"


def _policy(needed: str) -> AfterValidator:
    """Accept a policy whose statements all have a `needed` part."""

    def check(text: str) -> str:
        document = json_object(text, "InvalidParameter.PolicyDocumentError", "PolicyDocument is a JSON object")
        if document.get("version") != "2.0":
            raise ApiError("InvalidParameter.VersionError", "version is 2.0")
        statements = document.get("statement")
        if not isinstance(statements, list) or not statements:
            raise ApiError("InvalidParameter.StatementError", "statement is a list of objects")
        for statement in statements:
            _check_statement(statement, needed)
        return text

    return AfterValidator(check)


def _check_statement(statement: object, needed: str) -> None:
    if not isinstance(statement, dict):
        raise ApiError("InvalidParameter.StatementError", "statement is a list of objects")
    for part in ("effect", "action", needed):
        if not statement.get(part):
            raise ApiError(f"InvalidParameter.{part.title()}Error", f"a statement has no {part}")
    if statement["effect"] not in ("allow", "deny"):
        raise ApiError("InvalidParameter.EffectError", "effect is allow or deny")


Document = Annotated[
    str,
    rule(
        lambda text: len(text) <= MAX_DOCUMENT,
        "InvalidParameter.PolicyDocumentLengthOverLimit",
        f"a policy can have {MAX_DOCUMENT} characters",
    ),
]
TrustPolicy = Annotated[Document, _policy("principal")]
Permissions = Annotated[Document, _policy("resource")]
Description = Annotated[
    str,
    rule(
        lambda text: len(text.encode(errors="replace")) <= MAX_DESCRIPTION,
        "InvalidParameter.DescriptionLengthOverlimit",
        f"Description can have {MAX_DESCRIPTION} bytes",
    ),
]


class Page(Parameters):
    """Parameters of every list of CAM: the page that is asked for, and its size."""

    page: Annotated[int, Field(ge=1)]
    rp: Annotated[int, Field(ge=1, le=200)]

    def reply(self, items: Sequence[Answer]) -> Answer:
        """Return the page as every list's reply has it."""
        return {"List": items[(self.page - 1) * self.rp : self.page * self.rp], "TotalNum": len(items)}


class NamedRole(Parameters):
    """Parameters that name a role, by name or by id."""

    role_name: str | None = None
    role_id: str | None = None


class CreateRole(Parameters):
    """Parameters of CreateRole."""

    role_name: Annotated[str, rule(IS_NAME, "InvalidParameter.RoleNameError", NAME_RULE)]
    policy_document: TrustPolicy
    description: Description = ""
    session_duration: Annotated[int, Field(ge=0, le=43200)] = 0
    console_login: Literal[0] = 0
    tags: list[Tag] = Field(default_factory=list)


class UpdateAssumeRolePolicy(NamedRole):
    """Parameters of UpdateAssumeRolePolicy."""

    policy_document: TrustPolicy


class UpdateRoleDescription(NamedRole):
    """Parameters of UpdateRoleDescription."""

    description: Description


class TagRole(NamedRole):
    """Parameters of TagRole."""

    tags: list[Tag]


class ListRoles(Page):
    """Parameters of DescribeRoleList."""

    tags: list[Tag] = Field(default_factory=list)


class CreatePolicy(Parameters):
    """Parameters of CreatePolicy."""

    not_emulated = ("Tags",)
    policy_name: Annotated[str, rule(IS_NAME, "InvalidParameter.PolicyNameError", NAME_RULE)]
    policy_document: Permissions
    description: Description = ""


class NamedPolicy(Parameters):
    """Parameters that name a policy, by name or by id."""

    policy_id: int | None = None
    policy_name: str | None = None


class UpdatePolicy(NamedPolicy):
    """Parameters of UpdatePolicy."""

    not_emulated = ("Alias",)
    policy_document: Permissions | None = None
    description: Description | None = None


class GetPolicy(Parameters):
    """Parameters of GetPolicy."""

    policy_id: int


class DeletePolicy(Parameters):
    """Parameters of DeletePolicy."""

    policy_id: list[int]


class ListPolicies(Page):
    """Parameters of ListPolicies."""

    page: Annotated[int, Field(ge=1, le=200)] = 1
    rp: Annotated[int, Field(ge=1, le=200)] = 20
    scope: Literal["All", "QCS", "Local"] = "All"
    keyword: str = ""


class AttachRolePolicy(NamedPolicy):
    """Parameters of AttachRolePolicy; policy and role are named by id or by name."""

    attach_role_id: str | None = None
    attach_role_name: str | None = None


class DetachRolePolicy(NamedPolicy):
    """Parameters of DetachRolePolicy; policy and role are named by id or by name."""

    detach_role_id: str | None = None
    detach_role_name: str | None = None


class ListAttachedRolePolicies(NamedRole, Page):
    """Parameters of ListAttachedRolePolicies."""

    policy_type: Literal["", "User", "QCS"] = ""
    keyword: str = ""
