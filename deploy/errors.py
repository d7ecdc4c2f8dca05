"""The errors of a deployment, each with one line that says what to do."""

from __future__ import annotations

import re

#: How long a passing failure may last, and how long a change may take to be known everywhere, in seconds.
LONGEST_PASSING, LONGEST_UNKNOWN = 60.0, 10.0


class DeployError(Exception):
    """The deployment can't start or continue; each of `problems` is one line, `brief` a few words.

    If the cause can pass by itself, `patience` is how long that may take, in seconds.
    """

    def __init__(self, *problems: str, brief: str = "", patience: float = 0.0) -> None:
        super().__init__("\n".join(problems))
        self.problems, self.brief, self.patience = problems, brief or problems[0], patience


class Refused(DeployError):
    """A service has refused a request with an error code."""

    def __init__(self, service: str, action: str, code: str, message: str) -> None:
        self.code, self.message = code, message
        line = f"{service}:{action}{_what_to_do(service, action, code, message)}"
        super().__init__(line, brief=f"{service}:{action} {code}", patience=_patience(action, code))

    @property
    def absent(self) -> bool:
        """Whether the resource does not exist."""
        return self.code.startswith(ABSENT)


class Unanswered(DeployError):
    """There was no usable answer; the request may have been carried out."""

    #: As for a refusal.
    absent = False

    def __init__(self, service: str, action: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"{service}:{action} was not answered ({reason}): check the network, then run the same command again to "
            "finish",
            brief=f"{service}:{action}: {reason}",
            patience=LONGEST_PASSING,
        )


class NotShown(DeployError):
    """The account does not show a change yet that it has carried out."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; run the same command again to finish", brief=problem, patience=LONGEST_UNKNOWN)


#: Refusals of a write while a function is being created, updated, published or deleted, or while a new role is not
#: known everywhere; others are FailedOperation with the action's name. SCF has the same codes for states that do not
#: pass. Codes: tencentcloud-sdk-python-scf, errorcodes.py; UnauthorizedOperation.FunctionStatus is not in it and was
#: reported from real deployments.
BUSY = frozenset(
    {
        "FailedOperation.FunctionStatusError",
        "FailedOperation.FunctionNameStatusError",
        "FailedOperation.FunctionVersionStatusNotActive",
        "FailedOperation.OperationConflict",
        "UnauthorizedOperation.FunctionStatus",
        "ResourceInUse",
        "ResourceNotFound.Role",
        "ResourceNotFound.RoleCheck",
        "InvalidParameter.RoleCheck",
        "FailedOperation.QcsRoleNotFound",
    }
)
#: The services' codes for "not found" (errorcodes.py of -scf and -cam; COS: Error codes).
ABSENT = (
    "ResourceNotFound",
    "InvalidParameterValue.FunctionName",
    "InvalidParameter.RoleNotExist",
    "InvalidParameter.PolicyIdNotExist",
    "NoSuchBucket",
    "NoSuchResource",
)
#: The services' codes for "already there", by their beginning or end.
TAKEN = re.compile(r"ResourceInUse\..*|.*NameInUse|.*OwnedByYou")
#: What to do about a refusal; the first pattern that matches the start of the code counts.
ADVICE = (
    (
        r"AuthFailure\.(SecretIdNotFound|InvalidSecretId)|InvalidAccessKeyId",
        "the account's keys are not known: check TENCENT_SECRET_ID",
    ),
    (
        r"AuthFailure\.SignatureFailure|SignatureDoesNotMatch",
        "the signature does not verify: check TENCENT_SECRET_KEY",
    ),
    (
        r"AuthFailure\.(TokenFailure|InvalidAuthorization)|ExpiredToken|InvalidToken",
        "the temporary keys are expired or incomplete: renew TENCENT_SECRET_ID, TENCENT_SECRET_KEY and TENCENT_TOKEN",
    ),
    (r"AuthFailure\.SignatureExpire|RequestTimeTooSkewed", "this machine's clock is wrong: set it and try again"),
    (
        r"UnsupportedRegion|UnauthorizedOperation\.Region|UnsupportedOperation\.(NotSupport)?Region",
        "the region is not served: check inputs.region of serverless.yml",
    ),
    (r"AuthFailure|UnauthorizedOperation|AccessDenied|OperationDenied", "{permission}"),
    (r"BucketAlready", "COS_BUCKET is taken, by another account or in another region: choose another name or region"),
    (
        r"InvalidBucketName|InvalidURI",
        "COS_BUCKET is not a bucket name of this account: it ends with the account's APPID",
    ),
    (
        r"TooManyBuckets|LimitExceeded|FailedOperation\.PolicyFull|InvalidParameter\.RoleFull",
        "a quota of the account is full ({code}): have it raised, or delete unused resources",
    ),
    (
        r"(FailedOperation|ResourceUnavailable)\.(InsufficientBalance|AccountInsufficient)",
        "the account's balance is too low: top it up, then deploy again",
    ),
    (
        r"FailedOperation\.(UnOpenedService|ServiceClosed|OpenService)|ResourceUnavailable\.ServiceSuspended",
        "SCF is not active in this account: activate it in the console, then deploy again",
    ),
)
_NAMED = re.compile(r"\b((?:name/)?(?:scf|cam|cos|ci|tag|sts):\w+)")


def _patience(action: str, code: str) -> float:
    """Return how long a refusal may last, in seconds; it may also mean that the account has not shown a change yet."""
    if code in BUSY or code.startswith("RequestLimitExceeded") or code == f"FailedOperation.{action}":
        return LONGEST_PASSING
    return LONGEST_UNKNOWN if TAKEN.fullmatch(code) or code.startswith(ABSENT) else 0.0


def _what_to_do(service: str, action: str, code: str, message: str) -> str:
    """Return what to do about a refusal, as the end of a line; it names no key."""
    for pattern, advice in ADVICE:
        if re.match(pattern, code):
            return ": " + advice.format(code=code, permission=_missing_permission(service, action, message))
    return f" was refused: {code}: {' '.join(message.split())[:300]}"


def _missing_permission(service: str, action: str, message: str) -> str:
    """Return the missing permission: CAM's message often names it; it can be broader than the action."""
    named = _NAMED.search(message)
    permission = named[1] if named else f"{'name/' * (service == 'cos')}{service}:{action}"
    # COS has the same code for a bucket name with another account's APPID.
    or_else = ", or give COS_BUCKET this account's APPID" if service == "cos" else ""
    return f"the keys lack the permission {permission}: add it to the deployer's policy, see docs/deploying.md{or_else}"
