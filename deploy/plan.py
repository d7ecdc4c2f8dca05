"""Makes the plan: the steps that bring an account to what serverless.yml says. It sends no requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from deploy import functions, releases, triggers
from deploy.errors import DeployError
from deploy.found import mark
from deploy.resources import ALIAS, TAG, Account, FoundFunction, Version, Wanted, WantedFunction
from deploy.steps import CHANGE, CREATE, KEEP, PUBLISH, PUBLISHED, REMOVE, ROUTE, SKIP, Difference, Plan, Request, Step

#: Allows SCF to take the run role for a function.
TRUST = {
    "version": "2.0",
    "statement": [
        {"action": "name/sts:AssumeRole", "effect": "allow", "principal": {"service": ["scf.qcloud.com"]}},
    ],
}
NO_GATEWAY = "SCF no longer creates API gateway triggers (since 2024-07-01); the function URLs serve the same requests"
LEFT_ALONE = "not created by this project: used as it is, with its policies"


def plan_deploy(wanted: Wanted, account: Account) -> Plan:
    """Return the plan of a deployment. Raises DeployError with everything that no request can correct."""
    problems = list(_impossible(wanted, account))
    if problems:
        raise DeployError(*problems)
    pairs = [(function, account.functions.get(function.name)) for function in wanted.functions]
    gone = [found for name, found in account.functions.items() if name not in {each.name for each in wanted.functions}]
    return Plan(
        (
            _bucket(wanted, account),
            *_role(wanted, account),
            *_functions(wanted, pairs),
            *(step for function, found in pairs for step in triggers.steps(function, found)),
            *(_removal(found) for found in gone),
            *(Step(SKIP, "gateway", name, note=NO_GATEWAY) for name in wanted.gateways),
        )
    )


def plan_rollback(account: Account) -> Plan:
    """Return the plan that routes all functions back to the release before. Raises DeployError."""
    found = [function for function in account.functions.values() if function.ours]
    release, then = releases.previous(found)
    return Plan(tuple(_back(function, release, then) for function in found))


def _back(function: FoundFunction, release: int, then: Mapping[str, Version]) -> Step:
    version = then.get(function.name)
    if version is None:
        return Step(KEEP, "function", function.name, note=f"it did not exist in release {release}")
    if version.number == function.routed:
        return Step(KEEP, "function", function.name, note=f"version {version.number} is release {release}'s too")
    routed = Difference("version", str(function.routed), str(version.number))
    return Step(CHANGE, "function", function.name, (_route(function.name, str(version.number)),), (routed,))


def plan_remove(wanted: Wanted, account: Account) -> Plan:
    """Return the plan that removes what this project has created, dependents first, but not the bucket."""
    mine = [function for function in account.functions.values() if function.ours]
    others = [function for function in account.functions.values() if not function.ours]
    return Plan(
        (
            *(_removal(function) for function in mine),
            *(Step(KEEP, "function", each.name, note="it does not have this project's tag") for each in others),
            *_role_removal(wanted, account),
        )
    )


def _impossible(wanted: Wanted, account: Account) -> Iterator[str]:
    for function in wanted.functions:
        found = account.functions.get(function.name)
        if found and not found.ours:
            yield (
                f"{function.name} already exists without the tag {TAG}={wanted.project}: delete it, or "
                "change name, stage or app in serverless.yml"
            )
        elif found and found.made and found.runtime != function.runtime:
            yield (
                f"{function.name} runs on {found.runtime} and serverless.yml says {function.runtime}: SCF can't change "
                "that; make remove, then make deploy (its URL will be another)"
            )
    if account.policy and not account.policy.ours and (account.role is None or account.role.ours):
        yield f"the policy {wanted.policy} already exists without this project's description: delete or rename it"


def _bucket(wanted: Wanted, account: Account) -> Step:
    if account.bucket:
        return Step(KEEP, "bucket", wanted.bucket)
    return Step(CREATE, "bucket", wanted.bucket, (Request("cos", "PutBucket", {"Bucket": wanted.bucket}),))


def _role(wanted: Wanted, account: Account) -> Iterator[Step]:
    """Yield the steps for the run role and its policy; a role that others have created is not changed."""
    if account.role and not account.role.ours:
        yield Step(KEEP, "role", wanted.role, note=LEFT_ALONE)
        return
    if account.role:
        yield Step(KEEP, "role", wanted.role)
    else:
        tags = [{"Key": TAG, "Value": wanted.project}]
        params = {"RoleName": wanted.role, "PolicyDocument": json.dumps(TRUST), "Tags": tags}
        yield Step(CREATE, "role", wanted.role, (Request("cam", "CreateRole", params),))
    document = json.dumps(wanted.policy_document)
    attach = Request("cam", "AttachRolePolicy", {"PolicyName": wanted.policy, "AttachRoleName": wanted.role})
    attached = account.role is not None and wanted.policy in account.role.policies
    if account.policy is None:
        params = {"PolicyName": wanted.policy, "PolicyDocument": document, "Description": mark(wanted.project)}
        yield Step(CREATE, "policy", wanted.policy, (Request("cam", "CreatePolicy", params), attach))
        return
    requests, found = [], []
    if account.policy.document != wanted.policy_document:
        update = {"PolicyId": account.policy.number, "PolicyDocument": document}
        requests.append(Request("cam", "UpdatePolicy", update))
        found.append(Difference("document", "another", "what the functions need"))
    if not attached:
        requests.append(attach)
        found.append(Difference("attached to", "no", wanted.role))
    yield Step(CHANGE if requests else KEEP, "policy", wanted.policy, tuple(requests), tuple(found))


def _functions(wanted: Wanted, pairs: list[tuple[WantedFunction, FoundFunction | None]]) -> Iterator[Step]:
    """Code and configuration of all functions come first, then all versions, then all routes: all go live together."""
    chosen = releases.choose(pairs)
    publish, route = list[Step](), list[Step]()
    for function, found in pairs:
        choice = chosen[function.name]
        yield functions.step(wanted, function, found, choice)
        if not choice.number:
            publish.append(Step(PUBLISH, "version", function.name, (functions.publication(function, choice),)))
        if found is None or not choice.number or choice.number != found.routed:
            request = _route(function.name, str(choice.number or PUBLISHED))
            route.append(Step(ROUTE, "version", function.name, (request,), note=f"release {choice.release}"))
    yield from publish
    yield from route


def _route(function: str, version: str) -> Request:
    return Request("scf", "UpdateAlias", {"FunctionName": function, "Name": ALIAS, "FunctionVersion": version})


def _removal(found: FoundFunction) -> Step:
    """Return the removal of a function, triggers first, so that none fires meanwhile."""
    deletions = (triggers.deletion(found.name, trigger) for trigger in found.triggers)
    deletion = Request("scf", "DeleteFunction", {"FunctionName": found.name}, "gone")
    return Step(REMOVE, "function", found.name, (*deletions, deletion))


def _role_removal(wanted: Wanted, account: Account) -> Iterator[Step]:
    role, policy = account.role, account.policy
    if role and not role.ours:
        yield Step(KEEP, "role", wanted.role, note="not created by this project")
        return
    if role:
        names = ({"PolicyName": name, "DetachRoleName": wanted.role} for name in role.policies)
        detachments = (Request("cam", "DetachRolePolicy", params) for params in names)
        deletion = Request("cam", "DeleteRole", {"RoleName": wanted.role})
        yield Step(REMOVE, "role", wanted.role, (*detachments, deletion))
    if policy and policy.ours:
        yield Step(REMOVE, "policy", wanted.policy, (Request("cam", "DeletePolicy", {"PolicyId": [policy.number]}),))
