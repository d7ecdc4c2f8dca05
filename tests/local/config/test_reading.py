"""serverless.yml as the local cloud and `deploy` read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.config import Config, ConfigError, read_config
from local.config.parts import TRAPS
from tests.support.paths import ROOT

MULTI = """\
component: multi-scf
name: n
inputs:
  runtime: Python3.10
  timeout: 7
  environments:
    - {key: A, value: 1}
    - {key: B, value: "${env:NAME}"}
  functions:
    one: {handler: one.main}
    two:
      handler: two.main
      memorySize: 256
      environments: [{key: C, value: c}]
  triggers:
    - {type: timer, function: one, parameters: {name: tick, cronExpression: "0 0 * * * * *", argument: '{"a":1}'}}
    - {type: apigw, parameters: {name: g, apis: [{path: /one, method: get, function: one}]}}
    - {type: http, function: two, parameters: {}}
"""
SINGLE = """\
component: scf
name: demo
inputs:
  name: ${name}-${stage}-fn
  src: ./src
  runtime: Python3.7
  environment:
    variables: {A: 1, B: "${env:NAME}", C: "x${env:NAME}"}
  tags: {team: media}
  installDependency: true
  vpcConfig: {vpcId: v, subnetId: s}
  events:
    - apigw:
        parameters:
          serviceName: web
          endpoints:
            - {path: "/u/{id}", method: get, function: {isIntegratedResponse: true}}
            - {path: /raw}
    - timer: {parameters: {cronExpression: "0 0 * * * * *", enable: true}}
"""


def read(tmp_path: Path, text: str, **environ: str) -> Config:
    (tmp_path / "serverless.yml").write_text(text)
    return read_config(tmp_path / "serverless.yml", environ)


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, **environ)
    return caught.value.problems


def test_functions_inherit_and_replace_what_inputs_say(tmp_path: Path) -> None:
    functions = read(tmp_path, MULTI, NAME="name").functions
    one, two = functions["one"], functions["two"]
    assert (one.name, one.handler, one.runtime) == ("n-dev-n-one", "one.main", "Python3.10")
    assert (one.timeout, one.memory_size, one.environment) == (7, 128, {"A": "1", "B": "name"})
    assert (two.timeout, two.memory_size, two.environment) == (7, 256, {"C": "c"})


def test_functions_can_be_a_list(tmp_path: Path) -> None:
    text = MULTI.replace("one: {handler", "- {key: one, handler").replace(
        "    two:\n      handler: two.main\n", "    - name: two\n      handler: two.main\n"
    )
    functions = read(tmp_path, text).functions
    assert {alias: each.name for alias, each in functions.items()} == {"one": "n-dev-n-one", "two": "two"}


def test_the_component_can_be_written_with_its_version(tmp_path: Path) -> None:
    config = read(tmp_path, MULTI.replace("component: multi-scf", "component: multi-scf@0.3.14"))
    assert config.component == "multi-scf"


def test_a_variable_that_is_not_set_leaves_its_entry_out(tmp_path: Path) -> None:
    assert read(tmp_path, MULTI).functions["one"].environment == {"A": "1"}


def test_a_number_can_come_from_a_variable_and_is_optional_with_it(tmp_path: Path) -> None:
    text = MULTI.replace("timeout: 7", "timeout: ${env:T}")
    assert read(tmp_path, text, T="33").functions["one"].timeout == 33
    assert read(tmp_path, text).functions["one"].timeout == 3
    assert problems(tmp_path, text, T="secret") == ["serverless.yml:5: inputs.timeout must be a whole number"]


def test_a_truth_value_can_come_from_a_variable(tmp_path: Path) -> None:
    text = MULTI.replace("timeout: 7", "eip: ${env:EIP}")
    assert [read(tmp_path, text, EIP=given).functions["one"].eip for given in ("true", "false")] == [True, False]
    assert problems(tmp_path, text, EIP="yes") == ["serverless.yml:5: inputs.eip must be true or false"]


def test_triggers(tmp_path: Path) -> None:
    config = read(tmp_path, MULTI)
    (api,), (url,), (timer,) = config.apis, config.urls, config.timers
    assert (api.path, api.method, api.function, api.timeout, api.integrated) == ("/one", "GET", "one", 15, False)
    assert (url.function, url.auth_type) == ("two", "NONE")
    assert (timer.name, timer.function, timer.cron) == ("tick", "one", "0 0 * * * * *")
    assert (timer.message, timer.enabled) == ('{"a":1}', False)


def test_a_document_needs_no_triggers(tmp_path: Path) -> None:
    assert read(tmp_path, MULTI.partition("  triggers:")[0]).triggers == []


def test_component_scf_has_one_function_and_its_events(tmp_path: Path) -> None:
    config = read(tmp_path, SINGLE, NAME="v")
    function = config.functions["demo-dev-fn"]
    assert (function.name, function.handler, function.runtime) == ("demo-dev-fn", "index.main_handler", "Python3.7")
    assert function.environment == {"A": "1", "B": "v", "C": "xv"}
    assert [(tag.key, tag.value) for tag in function.tags] == [("team", "media")]
    assert config.source.src == "./src"
    assert [(api.path, api.method, api.function, api.integrated) for api in config.apis] == [
        ("/u/{id}", "GET", "demo-dev-fn", True),
        ("/raw", "ANY", "demo-dev-fn", False),
    ]
    assert [(timer.name, timer.enabled) for timer in config.timers] == [("timer", True)]
    assert config.notices == []


def test_component_scf_takes_the_other_spellings_too(tmp_path: Path) -> None:
    text = (
        "component: scf\nname: demo\ninputs:\n  src: ./\n  runtime: Python3.6\n"
        "  environments: [{key: A, value: a}]\n"
        "  triggers:\n    - {type: apigw, parameters: {apis: [{path: /a}]}}\n    - {type: http, parameters: {}}\n"
    )
    config = read(tmp_path, text)
    assert config.functions["demo-dev-demo"].environment == {"A": "a"}
    assert [api.path for api in config.apis] == ["/a"]
    assert [url.function for url in config.urls] == ["demo-dev-demo"]


def test_a_variable_inside_a_text_that_is_not_set_is_the_word_undefined(tmp_path: Path) -> None:
    assert read(tmp_path, SINGLE).functions["demo-dev-fn"].environment == {"A": "1", "C": "xundefined"}


WRONG = [
    ("not YAML", "inputs: [", ["serverless.yml:1: not YAML: "]),
    ("a list", "- 1", ["serverless.yml must be a map of keys"]),
    ("no component", "a: 1", ["serverless.yml: component must be multi-scf or scf: no other is supported"]),
    (
        "another component",
        "name: n\ncomponent: express",
        ["serverless.yml:2: component must be multi-scf or scf: no other is supported"],
    ),
    ("no inputs", "component: multi-scf\nname: n", ["serverless.yml: inputs.functions must name the functions"]),
    (
        "unknown function",
        MULTI.replace("function: one, parameters", "function: three, parameters"),
        ["serverless.yml:16: inputs.triggers[0].function: function three is not in the deploy list"],
    ),
    (
        "no runtime",
        MULTI.replace("runtime: Python3.10", "region: r"),
        ["inputs.functions.one.runtime must be one of", "inputs.functions.two.runtime must be one of"],
    ),
    ("Node.js", MULTI.replace("Python3.10", "Nodejs16.13"), ["serverless.yml:4: inputs.runtime must be one of"]),
    (
        "a web function",
        MULTI.replace("timeout: 7", "type: web"),
        ["serverless.yml:5: inputs.type must be event: a web function gets no events"],
    ),
    (
        "an image",
        MULTI.replace("{handler: one.main}", "{handler: one.main, image: {imageUrl: u}}"),
        ["serverless.yml:10: inputs.functions.one.image is not supported"],
    ),
    (
        "another trigger",
        SINGLE.replace("- timer:", "- ckafka:"),
        ["serverless.yml:19: inputs.events[1].ckafka: trigger type ckafka is not one of timer, http, apigw"],
    ),
    (
        "another variable",
        MULTI.replace("timeout: 7", "role: ${file:secret}"),
        ["serverless.yml:5: inputs.role: only a whole value of the form ${env:NAME} is resolved safely"],
    ),
    (
        "a key twice",
        MULTI.replace("timeout: 7", "timeout: 7\n  timeout: 8"),
        ["serverless.yml:6: inputs.timeout is given twice"],
    ),
    (
        "an alias in itself",
        MULTI.replace("inputs:", "inputs: &i\n  tags: [*i]"),
        ["serverless.yml can't be read: it is nested too deep"],
    ),
    ("a tag of another tool", MULTI.replace("7", "!Ref t"), ["serverless.yml:5: inputs.timeout is no value that YAML"]),
    ("no such day", MULTI.replace("7", "2020-99-99"), ["serverless.yml:5: inputs.timeout is no value that YAML"]),
    ("a list as key", MULTI.replace("timeout", "[a]"), ["serverless.yml:5: inputs has a key that is no text"]),
    (
        "a list as type",
        MULTI.replace("type: timer", "type: [timer]"),
        ["inputs.triggers[0]: trigger type ['timer'] is"],
    ),
    ("no time", MULTI.replace("timeout: 7", "timeout: 0"), ["serverless.yml:5: inputs.timeout must be 1 to 900"]),
    (
        "an odd memory",
        MULTI.replace("256", "100"),
        ["serverless.yml:13: inputs.functions.two.memorySize must be 64 or"],
    ),
    *(
        (
            f"gateway: {new}",
            MULTI.replace(old, new),
            [f"serverless.yml:17: inputs.triggers[1].parameters.apis[0].{said}"],
        )
        for old, new, said in (
            ("method: get", "method: fetch", "method must be one of ANY, GET"),
            ("path: /one", "path: one", "path must begin with a slash"),
            ("path: /one", 'path: ""', "path must begin with a slash"),
            ("path: /one", "path: /_local/x", "path must not be below /_local/"),
        )
    ),
    (
        "two problems",
        MULTI.replace("memorySize: 256", "memorySize: big").replace("method: get", "method: 1"),
        [
            "serverless.yml:13: inputs.functions.two.memorySize must be a whole number",
            "serverless.yml:17: inputs.triggers[1].parameters.apis[0].method must be text: quote it",
        ],
    ),
]


@pytest.mark.parametrize(("text", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_problems_are_named_with_file_line_and_key(tmp_path: Path, text: str, said: list[str]) -> None:
    found = problems(tmp_path, text)
    assert len(found) == len(said)
    assert [line for line, start in zip(found, said, strict=True) if start not in line] == []
    assert "secret" not in "".join(found)


def test_keys_that_the_engine_ignores_are_noticed(tmp_path: Path) -> None:
    text = MULTI.replace("timeout: 7", "timeOut: 7\n  environment: {variables: {A: b}}")
    assert read(tmp_path, text).notices == [
        "serverless.yml:5: inputs.timeOut: the engine knows no such key and ignores it",
        "serverless.yml:6: inputs.environment: " + TRAPS["multi-scf"]["environment"],
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml can't be read"):
        read_config(tmp_path / "none.yml", {})


def test_the_checkout_s_own_file_offers_both_functions_on_every_trigger() -> None:
    config = read_config(ROOT / "serverless.yml", {})
    assert set(config.functions) == {"query-video", "query-audio"}
    assert {api.path: api.function for api in config.apis} == {
        "/query-video": "query-video",
        "/query-audio": "query-audio",
    }
    assert {url.function for url in config.urls} == set(config.functions)
    assert {timer.function for timer in config.timers if timer.enabled} == set(config.functions)
    assert config.notices == []
    assert config.role == "media-query-run"
