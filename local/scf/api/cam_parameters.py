"""What the actions on roles and on policies have in common: names, documents, descriptions, pages of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from local.scf.api.account import Account, Policy, Role
from local.scf.api.parameters import Answer, ApiError, Parameters, json_object, matching, rule


def cam_name(code: str) -> AfterValidator:
    """Refuse what is no name in CAM, with a code."""
    return matching(r"[A-Za-z0-9+=,.@_-]{1,128}", "has 1 to 128 letters, digits and +=,.@-_", code)


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
    str,  # CAM limits, 598/10617
    rule(lambda text: len(text) <= 6144, "can have 6144 characters", "InvalidParameter.PolicyDocumentLengthOverLimit"),
]
TrustPolicy = Annotated[Document, _policy("principal")]
Permissions = Annotated[Document, _policy("resource")]
Description = Annotated[
    str,
    rule(
        lambda text: len(text.encode(errors="replace")) <= 300,
        "can have 300 bytes",
        "InvalidParameter.DescriptionLengthOverlimit",
    ),
]


class Page(Parameters):
    """Parameters of every list of CAM: the page that is asked for, and its size."""

    page: Annotated[int, Field(ge=1)]
    rp: Annotated[int, Field(ge=1, le=200)]

    def reply(self, items: Sequence[Answer]) -> Answer:
        """Return the page as every list's reply has it."""
        return {"List": items[(self.page - 1) * self.rp : self.page * self.rp], "TotalNum": len(items)}


def change(account: Account, record: Role | Policy, given: Parameters) -> Answer:
    """Set what a request gives of a record's document and description; return an empty answer."""
    for name in {"policy_document", "description"} & given.model_fields_set:
        setattr(record, name, getattr(given, name))
    record.update_time = account.now()
    return {}
