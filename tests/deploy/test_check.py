"""What the deploy engine does with a serverless.yml that is not quite right, a line each.

The traps are those of component multi-scf 0.3.14 and tencent-component-toolkit 2.27.6. Each change is made to the
checked-in document, which has none of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.check import check_for_deploy
from local.config import ConfigError, read_config
from tests.support.paths import ROOT

DOCUMENT = yaml.safe_load((ROOT / "serverless.yml").read_text(encoding="utf-8"))
MISSING: Any = object()

Change = Callable[[dict[str, Any]], object]


def put(path: str, value: Any = MISSING) -> Change:
    """Make a change: the value at a dotted path is set, or removed."""

    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        part: Any = document
        for name in parents:
            part = part[int(name) if isinstance(part, list) else name]
        if value is MISSING:
            del part[last]
        else:
            part[int(last) if isinstance(part, list) else last] = value

    return change


def trigger(kind: str, key: str, value: Any = MISSING) -> Change:
    """Make a change to the first trigger of a type: `key` is dotted, relative to the trigger."""
    number = next(number for number, each in enumerate(DOCUMENT["inputs"]["triggers"]) if each["type"] == kind)
    return put(f"inputs.triggers.{number}.{key}", value)


def again(kind: str, times: int, rename: bool) -> Change:
    """Make a change: the first trigger of a type is there a few more times."""

    def change(document: dict[str, Any]) -> None:
        triggers = document["inputs"]["triggers"]
        first = next(each for each in triggers if each["type"] == kind)
        for number in range(times):
            another = copy.deepcopy(first)
            if rename:
                another["parameters"]["name"] = f"another-{number}"
            triggers.append(another)

    return change


def problems(document: object, folder: Path) -> list[str]:
    """What is wrong with a document once it is written down and read again."""
    path = folder / "serverless.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    try:
        return check_for_deploy(read_config(path, {}), ROOT / "functions")
    except ConfigError as error:
        return error.problems


def found(change: Change, folder: Path) -> list[str]:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    return problems(document, folder)


def test_the_checked_in_document_has_no_problem(tmp_path: Path) -> None:
    assert problems(DOCUMENT, tmp_path) == []


def environment(**variables: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in variables.items()]


#: All the variables of the document, so that nothing is lost to a function's own list.
ALL = DOCUMENT["inputs"]["environments"]
VIDEO = "inputs.functions.query-video"
#: The joined default name media-query-dev-media-query-… has 28 characters before the alias.
LONGEST = "a" * 32

TRAPS: list[tuple[str, Change, str]] = [
    # 1. Top level
    ("component", put("component", "scf"), "component must be multi-scf"),
    ("no component", put("component"), "component must be multi-scf"),
    ("no name", put("name"), "name must be a literal"),
    ("app by variable", put("app", "${env:APP}"), "app must be a literal"),
    ("stage by variable", put("stage", "${env:STAGE}"), "stage must be a literal"),
    ("no inputs", put("inputs"), "inputs.functions must name the functions"),
    ("no functions", put("inputs.functions", {}), "inputs.functions must name the functions"),
    ("unknown key", put("service", "x"), "service: the engine knows no such key"),
    # 2. inputs
    ("no .env in exclude", put("inputs.src.exclude", []), "must list .env"),
    ("no exclude", put("inputs.src.exclude"), "must list .env"),
    ("byte code excluded", put("inputs.src.exclude", [".env", "**/__pycache__/**"]), "drops the byte code"),
    (".pyc excluded", put("inputs.src.exclude", [".env", "**/*.pyc"]), "drops the byte code"),
    ("another folder", put("inputs.src.src", "./"), "src.src must be ./bundle"),
    ("no src", put("inputs.src"), "src.src must be ./bundle"),
    ("src as text", put("inputs.src", "./bundle"), "must list .env"),
    ("no role", put("inputs.role"), "role is missing"),
    ("role as resource", put("inputs.role", "qcs::cam::uin/1:roleName/x"), "must be the role's name"),
    ("tags as a map", put("inputs.tags", {"a": "b"}), "inputs.tags must be a list: the engine silently empties"),
    ("own tags as a map", put(f"{VIDEO}.tags", {"a": "b"}), "query-video.tags must be a list"),
    ("misspelt key", put("inputs.timeOut", 30), "inputs.timeOut: the engine knows no such key"),
    ("null", put("inputs.triggers", None), "inputs.triggers must be a list"),
    # 3. Functions
    ("no runtime", put("inputs.runtime"), "without it SCF takes Node.js"),
    ("unknown runtime", put("inputs.runtime", "Python3.12"), "runtime must be one of"),
    ("web function", put("inputs.type", "web"), "type must be event"),
    ("no timeout", put("inputs.timeout"), "the default is 3"),
    ("timeout 0", put("inputs.timeout", 0), "inputs.timeout must be 1 to 900"),
    ("timeout 901", put(f"{VIDEO}.timeout", 901), "timeout must be 1 to 900"),
    ("timeout as text", put("inputs.timeout", "30"), "inputs.timeout must be a whole number"),
    ("timeout true", put("inputs.timeout", True), "inputs.timeout must be a whole number"),
    ("memory 100", put("inputs.memorySize", 100), "memorySize must be 64 or a multiple of 128"),
    ("memory 0", put("inputs.memorySize", 0), "memorySize must be 64 or a multiple of 128"),
    ("memory 3200", put(f"{VIDEO}.memorySize", 3200), "memorySize must be 64 or a multiple of 128"),
    ("no handler", put(f"{VIDEO}.handler"), "handler must be <file>.<function>"),
    ("handler without function", put(f"{VIDEO}.handler", "query_video"), "handler must be <file>.<function>"),
    ("handler in a package", put(f"{VIDEO}.handler", "shared.handler.handle"), "handler must be <file>.<function>"),
    ("dotted handler", put(f"{VIDEO}.handler", "query_video.main.handler"), "handler must be <file>.<function>"),
    ("own src", put(f"{VIDEO}.src", "video"), "without shared/"),
    ("own name over 60", put(f"{VIDEO}.name", "a" * 61), "at most 60"),
    ("joined name over 60", put(f"inputs.functions.{LONGEST}b", DOCUMENT["inputs"]["functions"]["query-video"]), "60"),
    ("name begins with a digit", put(f"{VIDEO}.name", "1st"), "a letter first"),
    ("name ends with a hyphen", put(f"{VIDEO}.name", "video-"), "a letter or digit last"),
    ("name of one letter", put(f"{VIDEO}.name", "v"), "is no valid name"),
    ("name in Chinese", put(f"{VIDEO}.name", "视频查询"), "is no valid name"),
    # 4. Environment variables
    (
        "environment as a map",
        put("inputs.environment", {"variables": {"A": "b"}}),
        "environment: the engine silently empties",
    ),
    (
        "environment as a list",
        put("inputs.environment", environment(A="b")),
        "environment: the engine silently empties",
    ),
    ("own environment", put(f"{VIDEO}.environment", {}), "query-video.environment: the engine silently empties"),
    ("environments as a map", put("inputs.environments", {"A": "b"}), "inputs.environments must be a list"),
    ("entry without a value", put("inputs.environments", [{"key": "A"}]), "environments[0].value must be given"),
    ("entry as text", put("inputs.environments", ["A=b"]), "environments[0] must be a map"),
    ("key a number", put("inputs.environments", [{"key": 1, "value": "b"}]), "environments[0].key must be text"),
    ("key SCF_", put("inputs.environments", environment(SCF_X="b")), "SCF_X can't be set"),
    ("key QCLOUD_", put("inputs.environments", environment(QCLOUD_X="b")), "QCLOUD_X can't be set"),
    ("key TENCENTCLOUD_", put("inputs.environments", environment(TENCENTCLOUD_X="b")), "TENCENTCLOUD_X can't be set"),
    ("key with a hyphen", put("inputs.environments", environment(**{"A-B": "b"})), "A-B can't be set"),
    ("key begins with _", put("inputs.environments", environment(_A="b")), "_A can't be set"),
    ("key in Chinese", put("inputs.environments", environment(A名="b")), "can't be set"),
    ("key twice", put("inputs.environments", [*environment(A="b"), *environment(A="c")]), "A is given twice"),
    ("over 4 KB", put("inputs.environments", environment(A="x" * 4096)), "environments are over 4096 bytes"),
    ("lost to an own list", put(f"{VIDEO}.environments", ALL[1:]), "so COS_BUCKET would be lost"),
    # 5. Triggers
    ("unknown trigger type", trigger("timer", "type", "cron"), "trigger type cron is not one of timer, http, apigw"),
    ("no trigger type", trigger("timer", "type"), "trigger type None is not one of"),
    ("eleven timers", again("timer", 10, rename=True), "query-video: more than 10 triggers of type timer"),
    ("timer for nobody", trigger("timer", "function", "x"), "function x is not in the deploy list"),
    ("timer without function", trigger("timer", "function"), "is not in the deploy list"),
    ("timer without name", trigger("timer", "parameters.name"), "a name is needed"),
    ("timer name over 60", trigger("timer", "parameters.name", "a" * 61), "60 at most"),
    ("timer name twice", again("timer", 1, rename=False), "timer collect-video: the name must be unique within"),
    ("timer without enable", trigger("timer", "parameters.enable"), "left out, the timer is closed"),
    ("timer not enabled", trigger("timer", "parameters.enable", False), "enable must be true"),
    ("timer enabled by text", trigger("timer", "parameters.enable", "true"), "enable must be true or false"),
    ("argument as a map", trigger("timer", "parameters.argument", {"vids": []}), "argument must be text: quote it"),
    ("argument over 4 KB", trigger("timer", "parameters.argument", "x" * 4097), "at most 4096 bytes"),
    ("argument over 4 KB in bytes", trigger("timer", "parameters.argument", "视" * 1366), "at most 4096 bytes"),
    ("no cron", trigger("timer", "parameters.cronExpression"), "must have seven fields"),
    ("cron of six fields", trigger("timer", "parameters.cronExpression", "0 */10 * * * *"), "must have seven fields"),
    (
        "cron out of range",
        trigger("timer", "parameters.cronExpression", "0 60 * * * * *"),
        "cronExpression has a field that is out of range",
    ),
    (
        "cron in words",
        trigger("timer", "parameters.cronExpression", "at ten each day of the week"),
        "cronExpression has a field",
    ),
    ("cron unquoted", trigger("timer", "parameters.cronExpression", 5), "cronExpression must be text: quote it"),
    ("URL without network", trigger("http", "parameters.netConfig"), "the URL would be unreachable"),
    ("URL in no network", trigger("http", "parameters.netConfig", {"enableExtranet": False}), "unreachable"),
    ("URL without authType", trigger("http", "parameters.authType"), "the default is NONE, which is public"),
    ("URL with APP", trigger("http", "parameters.authType", "APP"), "NONE or CAM"),
    ("URL without qualifier", trigger("http", "parameters.qualifier"), "qualifier must be written"),
    ("URL of nobody", trigger("http", "function", "x"), "function x is not in the deploy list"),
    ("gateway without name", trigger("apigw", "parameters.name"), "apigw: name must be given"),
    ("gateway's serviceName", trigger("apigw", "parameters.serviceName", "x"), "the engine overwrites it"),
    ("API of nobody", trigger("apigw", "parameters.apis.0.function", "x"), "function x is not in the deploy list"),
    ("no isIntegratedResponse", trigger("apigw", "parameters.apis.0.isIntegratedResponse"), "the engine drops it"),
    ("no serviceTimeout", trigger("apigw", "parameters.apis.0.serviceTimeout"), "the gateway times out first"),
    ("serviceTimeout too short", trigger("apigw", "parameters.apis.0.serviceTimeout", 30), "times out first"),
    ("own timeout too long", put(f"{VIDEO}.timeout", 60), "/query-video: serviceTimeout must be above"),
    # 6. Variables
    ("variable amid text", put("inputs.role", "x-${env:ROLE}"), "only a whole value of the form ${env:NAME}"),
    ("two variables", put("inputs.role", "${env:A}${env:B}"), "only a whole value of the form ${env:NAME}"),
    ("variable with a dot", put("inputs.role", "${env.ROLE}"), "only a whole value of the form ${env:NAME}"),
    ("another source", trigger("timer", "parameters.argument", "${file:x}"), "parameters.argument: only a whole"),
]


@pytest.mark.parametrize(("change", "problem"), [row[1:] for row in TRAPS], ids=[row[0] for row in TRAPS])
def test_each_trap_is_named(change: Change, problem: str, tmp_path: Path) -> None:
    said = found(change, tmp_path)
    assert any(problem in each for each in said), said


FINE: list[tuple[str, Change]] = [
    ("a variable as a whole value", put("inputs.role", "${env:ROLE}")),
    ("the largest memory", put("inputs.memorySize", 3072)),
    ("no memory: 128", put("inputs.memorySize")),
    ("the default type", put("inputs.type")),
    ("a name of 60", put(f"{VIDEO}.name", "a" * 60)),
    ("a joined name of 60", put(f"inputs.functions.{LONGEST}", DOCUMENT["inputs"]["functions"]["query-video"])),
    ("4096 bytes", put("inputs.environments", environment(A="x" * 4095))),
    ("a number as a value", put("inputs.environments", [{"key": "A", "value": 1}])),
    ("no variables", put("inputs.environments")),
    ("an own list that repeats all", put(f"{VIDEO}.environments", [*ALL, *environment(A="b")])),
    ("an argument of 4096 bytes", trigger("timer", "parameters.argument", "x" * 4096)),
    ("no argument", trigger("timer", "parameters.argument")),
    ("a timer name of 60", trigger("timer", "parameters.name", "a" * 60)),
    ("cron of five fields, which SCF still takes", trigger("timer", "parameters.cronExpression", "*/10 * * * *")),
    ("days by name", trigger("timer", "parameters.cronExpression", "0 15 10 * * MON-FRI *")),
    ("ten timers", again("timer", 9, rename=True)),
    ("a URL for CAM only", trigger("http", "parameters.authType", "CAM")),
    ("a URL in the private network", trigger("http", "parameters.netConfig", {"enableIntranet": True})),
    ("no APIs", trigger("apigw", "parameters.apis", [])),
    ("no triggers", put("inputs.triggers")),
]
#: Keys of a function that the engine knows, and that say nothing which it would refuse or spoil.
KNOWN: dict[str, object] = {
    **dict.fromkeys(("installDependency", "asyncRunEnable", "traceEnable", "eip", "publicAccess"), True),
    **dict.fromkeys(("initTimeout", "msgTTL", "retryNum", "provisionedNum"), 5),
    **dict.fromkeys(("nodeSpec", "entryFile", "protocolType", "qualifier"), "x"),
    **{key: {"any": "value"} for key in ("vpc", "vpcConfig", "cls", "cfs", "deadLetter", "protocolParams")},
    "nodeType": "CPU",
    "layers": [{"name": "x", "version": 1}],
    "tags": [{"key": "a", "value": "b"}],
}
FINE += [(f"the key {key}", put(f"{VIDEO}.{key}", value)) for key, value in KNOWN.items()]


@pytest.mark.parametrize("change", [row[1] for row in FINE], ids=[row[0] for row in FINE])
def test_what_the_engine_takes_is_no_problem(change: Change, tmp_path: Path) -> None:
    assert found(change, tmp_path) == []


@pytest.mark.parametrize("document", [None, [], "component: multi-scf"])
def test_a_malformed_document_is_reported(document: object, tmp_path: Path) -> None:
    assert problems(document, tmp_path) == ["serverless.yml must be a map of keys"]


def test_no_value_is_repeated(tmp_path: Path) -> None:
    change = put("inputs.environments", [{"key": "A", "value": "${file:secret}"}, {"key": 1, "value": "secret"}])
    assert "secret" not in "".join(found(change, tmp_path))
