"""Every refusal becomes one line that says what to do."""

from __future__ import annotations

import pytest

from deploy.errors import Refused, Unanswered

LINES = [
    ("scf", "ListFunctions", "AuthFailure.SecretIdNotFound", "check TENCENT_SECRET_ID"),
    ("cos", "HeadBucket", "InvalidAccessKeyId", "check TENCENT_SECRET_ID"),
    ("scf", "ListFunctions", "AuthFailure.SignatureFailure", "check TENCENT_SECRET_KEY"),
    ("cos", "PutBucket", "SignatureDoesNotMatch", "check TENCENT_SECRET_KEY"),
    (
        "scf",
        "ListFunctions",
        "AuthFailure.TokenFailure",
        "TENCENT_SECRET_KEY and TENCENT_TOKEN",
    ),
    ("scf", "ListFunctions", "AuthFailure.SignatureExpire", "this machine's clock is wrong"),
    ("scf", "ListFunctions", "UnsupportedRegion", "check inputs.region of serverless.yml"),
    (
        "scf",
        "CreateFunction",
        "UnauthorizedOperation.CAM",
        "the keys lack the permission scf:CreateFunction: add it to",
    ),
    (
        "cam",
        "CreateRole",
        "AuthFailure.UnauthorizedOperation",
        "the keys lack the permission cam:CreateRole: add it to",
    ),
    ("cos", "HeadBucket", "AccessDenied", "the keys lack the permission name/cos:HeadBucket: add it to"),
    ("cos", "PutBucket", "AccessDenied", "docs/deploying.md, or give COS_BUCKET this account's APPID"),
    ("cos", "PutBucket", "BucketAlreadyExists", "COS_BUCKET is taken, by another account or in another region"),
    ("cos", "PutBucket", "InvalidBucketName", "it ends with the account's APPID"),
    ("cos", "PutBucket", "TooManyBuckets", "a quota of the account is full (TooManyBuckets)"),
    ("scf", "CreateFunction", "LimitExceeded.Function", "a quota of the account is full (LimitExceeded.Function)"),
    ("cam", "CreateRole", "InvalidParameter.RoleFull", "a quota of the account is full (InvalidParameter.RoleFull)"),
    ("scf", "CreateFunction", "FailedOperation.InsufficientBalance", "top it up"),
    ("scf", "CreateFunction", "FailedOperation.UnOpenedService", "activate it in the console"),
    ("scf", "CreateFunction", "InvalidParameterValue.Code", "was refused: InvalidParameterValue.Code: two lines"),
]


@pytest.mark.parametrize(("service", "action", "code", "said"), LINES, ids=[row[2] for row in LINES])
def test_a_refusal_is_a_line_with_advice(service: str, action: str, code: str, said: str) -> None:
    (line,) = Refused(service, action, code, "two\n  lines").problems
    assert line.startswith(f"{service}:{action}")
    assert said in line
    assert "\n" not in line


def test_the_permission_that_the_message_names_is_the_one_to_add() -> None:
    message = "you are not authorized to perform operation (scf:UpdateFunction) resource (qcs::scf:::x)"
    refusal = Refused("scf", "UpdateFunctionCode", "UnauthorizedOperation.CAM", message)
    assert "the keys lack the permission scf:UpdateFunction: add it" in str(refusal)


def test_silence_says_what_to_do() -> None:
    line = str(Unanswered("scf", "GetFunction", "timed out"))
    assert line == (
        "scf:GetFunction was not answered (timed out): check the network, then run the same command again to finish"
    )
