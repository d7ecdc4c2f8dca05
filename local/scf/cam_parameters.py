"""The parameters of CAM's actions on roles and policies (tencentcloud-sdk-python-cam, v20190116, models.py)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from local.scf.parameters import NotEmulated, Parameters, TagGiven


class NamedRole(Parameters):
    """Parameters that name a role, by name or by id."""

    role_name: str | None = None
    role_id: str | None = None


class CreateRole(Parameters):
    """Parameters of CreateRole."""

    role_name: str
    policy_document: str
    description: str = ""
    session_duration: Annotated[int, Field(ge=0, le=43200)] = 0
    console_login: Literal[0] = 0
    tags: list[TagGiven] = Field(default_factory=list)


class UpdateAssumeRolePolicy(NamedRole):
    """Parameters of UpdateAssumeRolePolicy."""

    policy_document: str


class UpdateRoleDescription(NamedRole):
    """Parameters of UpdateRoleDescription."""

    description: str


class TagRole(NamedRole):
    """Parameters of TagRole."""

    tags: list[TagGiven]


class ListRoles(Parameters):
    """Parameters of DescribeRoleList."""

    page: Annotated[int, Field(ge=1)]
    rp: Annotated[int, Field(ge=1, le=200)]
    tags: list[TagGiven] = Field(default_factory=list)


class CreatePolicy(Parameters):
    """Parameters of CreatePolicy."""

    policy_name: str
    policy_document: str
    description: str = ""
    tags: NotEmulated = None


class UpdatePolicy(Parameters):
    """Parameters of UpdatePolicy; the policy is named by id or by name."""

    policy_id: int | None = None
    policy_name: str | None = None
    policy_document: str | None = None
    description: str | None = None
    alias: NotEmulated = None


class GetPolicy(Parameters):
    """Parameters of GetPolicy."""

    policy_id: int


class DeletePolicy(Parameters):
    """Parameters of DeletePolicy."""

    policy_id: list[int]


class ListPolicies(Parameters):
    """Parameters of ListPolicies."""

    page: Annotated[int, Field(ge=1, le=200)] = 1
    rp: Annotated[int, Field(ge=1, le=200)] = 20
    scope: Literal["All", "QCS", "Local"] = "All"
    keyword: str = ""


class AttachRolePolicy(Parameters):
    """Parameters of AttachRolePolicy; policy and role are named by id or by name."""

    policy_id: int | None = None
    policy_name: str | None = None
    attach_role_id: str | None = None
    attach_role_name: str | None = None


class DetachRolePolicy(Parameters):
    """Parameters of DetachRolePolicy; policy and role are named by id or by name."""

    policy_id: int | None = None
    policy_name: str | None = None
    detach_role_id: str | None = None
    detach_role_name: str | None = None


class ListAttachedRolePolicies(NamedRole):
    """Parameters of ListAttachedRolePolicies."""

    page: Annotated[int, Field(ge=1)]
    rp: Annotated[int, Field(ge=1, le=200)]
    policy_type: Literal["", "User", "QCS"] = ""
    keyword: str = ""
