"""The commands: output, exit status, and no key in any output."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
import responses

from deploy import commands
from deploy.__main__ import Command, cli, main, run
from tests.support.account import MemoryAccount
from tests.support.checkout import Checkout
from tests.support.deployment import FakeClock

ENVELOPE = {"code": 4000, "message": "not an id", "codeDesc": "InvalidParameter"}
VIDEO = "media-query-dev-media-query-query-video"
URL = f"https://{VIDEO}.example.com"
COMMANDS = ("package", "plan", "deploy", "rollback", "remove")
NOTHING = "plan: 0 to create, 0 to change, 0 to remove"


class Desk:
    """A checkout, an account in memory, and what was printed last."""

    def __init__(self, checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
        self.checkout = checkout
        self.account = MemoryAccount()
        self.out = self.error = ""
        self._capsys = capsys

    def type(self, command: Command, status: int = 0, as_json: bool = False, **changes: str) -> list[str]:
        """Run a command and return the lines that it printed."""

        def with_account(around: commands.Surroundings) -> None:
            command(around._replace(connect=lambda access: self.account))

        environ = {**self.checkout.variables, **changes}
        ended = run(with_account, self.checkout.root, environ, as_json, FakeClock().clock)
        self.out, self.error = self._capsys.readouterr()
        assert ended == status, self.error
        assert "key-of-the-deployer" not in self.out + self.error
        assert "hush" not in self.out + self.error
        return self.out.splitlines()


@pytest.fixture
def desk(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(checkout, capsys)


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """The function URLs of both functions, which answer."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        web.get(URL, json=ENVELOPE, status=400)
        web.get(URL.replace("video", "audio"), json=ENVELOPE, status=400)
        yield web


def test_a_plan_ends_with_its_counts(desk: Desk) -> None:
    assert desk.type(commands.plan)[-1] == "plan: 9 to create, 0 to change, 0 to remove"
    assert desk.account.functions == {}
    assert desk.error.count("anyone can call") == 2


def test_a_deployment_prints_plan_steps_and_urls(desk: Desk, web: responses.RequestsMock) -> None:
    said = desk.type(commands.deploy, API_TOKEN="hush")
    assert said[-2:] == [f"url query-video={URL}", f"url query-audio={URL.replace('video', 'audio')}"]
    assert f"created function {VIDEO} (1.0 s, 1.0 s of it waiting)" in said
    assert {call.request.headers["Authorization"] for call in web.calls} == {"Bearer hush"}
    assert desk.type(commands.plan, API_TOKEN="hush")[-2:] == ["nothing differs", NOTHING]


def test_a_url_without_an_envelope_is_a_failure(desk: Desk) -> None:
    with responses.RequestsMock() as web:
        web.get(URL, body="<html>", status=502)
        desk.type(commands.deploy, status=2, API_TOKEN="hush")
        web.replace("GET", URL, json=["code"])
        desk.type(commands.deploy, status=2, API_TOKEN="hush")
        assert "HTTP 200, which is not one of the functions' envelopes; make rollback goes back" in desk.error
        web.replace("GET", URL, body=requests.ConnectionError())
        desk.type(commands.deploy, status=2, API_TOKEN="hush")
    assert f"query-video does not answer at {URL}: ConnectionError" in desk.error


def test_the_token_follows_no_redirect(desk: Desk) -> None:
    with responses.RequestsMock() as web:
        web.get(URL, status=302, headers={"Location": "https://elsewhere.example/"})
        desk.type(commands.deploy, status=2, API_TOKEN="hush")
        assert {call.request.url for call in web.calls} == {f"{URL}/?vids=%3F"}
    assert "HTTP 302 without an envelope" in desk.error


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("authType: NONE", "authType: CAM", "it accepts only signed requests"),
        (
            "enableExtranet: true\n          enableIntranet: false",
            "enableExtranet: false\n          enableIntranet: true",
            "it can be reached only from Tencent's network",
        ),
    ],
)
def test_a_url_that_can_not_be_called_from_here_is_printed_with_a_word(
    desk: Desk, old: str, new: str, note: str
) -> None:
    desk.checkout.edit(old, new)
    assert desk.type(commands.deploy)[-2].endswith(f"(not called: {note})")


def test_the_token_is_sent_to_https_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.urls.read_url", lambda api, name: "http://elsewhere.example")
    desk.type(commands.deploy, status=2, API_TOKEN="hush")
    assert desk.error == "deploy: query-video: its URL is not https, so the token is not sent\n"
    monkeypatch.setattr("deploy.urls.read_url", lambda api, name: "")
    desk.type(commands.deploy, status=2, API_TOKEN="hush")
    assert "query-video has a URL without an address" in desk.error


def test_an_address_that_is_not_known_yet_is_waited_for(
    desk: Desk, web: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = iter(["", "", URL, URL.replace("video", "audio")])
    monkeypatch.setattr("deploy.urls.read_url", lambda api, name: next(known))
    assert desk.type(commands.deploy, API_TOKEN="hush")[-2] == f"url query-video={URL}"


def test_rollback_and_removal(desk: Desk, web: responses.RequestsMock) -> None:
    desk.type(commands.deploy)
    desk.type(commands.deploy, MAX_VIDS="7")
    assert desk.type(commands.rollback)[-2] == f"changed function {VIDEO} (0.0 s)"
    assert desk.account.functions[VIDEO]["routed"] == "1"
    assert desk.type(commands.remove)[-1] == "the bucket and its objects are kept"
    assert desk.account.state() == {
        "functions": {},
        "roles": {},
        "policies": {},
        "buckets": {"media-1250000000"},
    }
    desk.type(commands.rollback, status=2)
    assert desk.error == "deploy: there is no release to go back to: nothing of this project is deployed\n"


def test_rollback_and_removal_need_the_names_only(desk: Desk) -> None:
    assert NOTHING in desk.type(commands.remove, COS_BUCKET="", COS_REGION="")
    desk.checkout.edit("  region:", "  namespace: other\n  region:")
    desk.type(commands.remove, status=2)
    assert desk.error.startswith("deploy: inputs.namespace: only default is deployed")


def test_each_problem_is_a_line_and_the_status_2(desk: Desk) -> None:
    (desk.checkout.root / ".env").write_text('A="hush\nB\n')
    desk.type(commands.deploy, status=2)
    assert [line.split(":")[0] for line in desk.error.splitlines()] == ["deploy"] * desk.error.count("\n")
    assert desk.error.startswith("deploy: .env: line 1: can't be read")


def test_a_secret_in_an_answer_is_not_printed(desk: Desk) -> None:
    desk.account.refuse = {"GetRole": "Strange.key-of-the-deployer"}
    desk.type(commands.plan, status=2, API_TOKEN="hush")
    assert desk.error == "deploy: cam:GetRole was refused: Strange.***: no, GetRole\n"


def test_a_machine_gets_objects_and_errors_too(desk: Desk, web: responses.RequestsMock) -> None:
    events = [json.loads(line) for line in desk.type(commands.deploy, as_json=True, API_TOKEN="hush")]
    assert {event["event"] for event in events} == {"code", "plan", "step", "url"}
    steps = [(event["verb"], event["kind"]) for event in events if event["event"] == "step"]
    assert steps[:3] == [("create", "bucket"), ("create", "role"), ("create", "policy")]
    event = json.loads(desk.type(commands.deploy, status=2, as_json=True, MAX_VIDS="x")[0])
    assert event == {"event": "error", "message": "deploy: MAX_VIDS must be a whole number above 0"}
    assert desk.error == "deploy: MAX_VIDS must be a whole number above 0\n"


def test_ctrl_c_says_how_to_continue(desk: Desk) -> None:
    def interrupted(around: commands.Surroundings) -> None:
        raise KeyboardInterrupt

    desk.type(interrupted, status=130)
    assert desk.error == "deploy: interrupted: run the same command again to finish\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], *([name, "--help"] for name in cli.commands)])
def test_help_changes_nothing(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(*_: object) -> int:
        raise AssertionError

    monkeypatch.setattr("deploy.__main__.run", never)
    assert main(arguments) == 0
    assert "Usage:" in capsys.readouterr().out


def test_the_command_line_leads_to_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def noted(command: Command, root: object, environ: object, as_json: bool) -> int:
        called.append((command, as_json))
        return 2

    monkeypatch.setattr("deploy.__main__.run", noted)
    for name in COMMANDS:
        assert main([name, "--json"]) == 2
    assert called == [(getattr(commands, name), True) for name in COMMANDS]


@pytest.mark.parametrize("arguments", [["nonsense"], ["plan", "--nonsense"], ["plan", "nonsense"]])
def test_what_the_command_line_can_not_mean_is_a_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("deploy: ")
    assert printed.err.count("\n") == 1
    assert not printed.out
