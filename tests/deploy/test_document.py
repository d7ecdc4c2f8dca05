"""dist/serverless.yml for Tencent's own CLI, without what the engine would spoil."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploy.check import read_checked
from deploy.document import write_document
from deploy.errors import DeployError
from tests.support.checkout import Checkout


def written(checkout: Checkout, **changes: str) -> dict[str, Any]:
    path = write_document(checkout.root, {**checkout.variables, **changes})
    assert path == checkout.root / "dist" / "serverless.yml"
    return checkout.document


def keys(document: Any) -> list[str]:
    return [entry["key"] for entry in document["inputs"]["environments"]]


@pytest.mark.parametrize(("gateway", "deployed"), [("1", 1), ("0", 0), ("", 0)])
def test_the_gateway_is_left_out_unless_it_is_asked_for(checkout: Checkout, gateway: str, deployed: int) -> None:
    triggers = [each["type"] for each in written(checkout, GATEWAY=gateway)["inputs"]["triggers"]]
    assert triggers.count("apigw") == deployed
    assert triggers.count("http") == triggers.count("timer") == 2


def test_settings_that_are_not_set_are_left_out(checkout: Checkout) -> None:
    checkout.edit("  functions:\n", "    - { key: FIXED, value: 1 }\n  functions:\n")
    document = written(checkout, MAX_VIDS="10", COS_PREFIX="", API_TOKEN="hush")
    assert keys(document) == ["COS_BUCKET", "COS_REGION", "API_TOKEN", "MAX_VIDS", "FIXED"]
    assert document["inputs"]["environments"][0]["value"] == "${env:COS_BUCKET}"
    assert "hush" not in (checkout.root / "dist" / "serverless.yml").read_text()


def test_a_function_s_own_list_is_prepared_alike(checkout: Checkout) -> None:
    document = yaml.safe_load((checkout.root / "serverless.yml").read_text())
    document["inputs"]["functions"]["query-audio"]["environments"] = document["inputs"].pop("environments")
    (checkout.root / "serverless.yml").write_text(yaml.safe_dump(document))
    own = written(checkout)["inputs"]["functions"]["query-audio"]["environments"]
    assert [entry["key"] for entry in own] == ["COS_BUCKET", "COS_REGION"]


def test_a_variable_elsewhere_must_be_set_and_is_left_to_the_cli(checkout: Checkout) -> None:
    checkout.edit("role: media-query-run", 'role: "${env:RUN_ROLE}"')
    with pytest.raises(DeployError, match=r"RUN_ROLE must be set: serverless\.yml refers to it"):
        written(checkout)
    assert written(checkout, RUN_ROLE="another")["inputs"]["role"] == "${env:RUN_ROLE}"


WRONG = [
    ("timeout: 30", "timeout: 0", ["serverless.yml:14: inputs.timeout must be 1 to 900"]),
    ("inputs:", "inputs: [", ["serverless.yml:"]),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[row[1] for row in WRONG])
def test_what_an_engine_would_spoil_is_refused(checkout: Checkout, old: str, new: str, said: list[str]) -> None:
    checkout.edit(old, new)
    with pytest.raises(DeployError) as refused:
        read_checked(checkout.root, checkout.variables)
    assert [problem[: len(text)] for problem, text in zip(refused.value.problems, said, strict=True)] == said


def test_a_missing_document_is_named(checkout: Checkout) -> None:
    (checkout.root / "serverless.yml").unlink()
    with pytest.raises(DeployError, match=r"serverless\.yml can't be read"):
        read_checked(checkout.root, checkout.variables)
