"""Output on a terminal: colours, and a spinner during a step."""

from __future__ import annotations

import io

import pytest

from deploy.screen import Screen
from deploy.steps import CREATE, KEEP, Plan, Request, Step

STEP = Step(CREATE, "function", "media-video", (Request("scf", "CreateFunction", {}),))


class Terminal(io.StringIO):
    """A stream that says that a person sits before it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def shown(out: io.StringIO) -> str:
    err = io.StringIO()
    screen = Screen(out, err)
    screen.plan(Plan((STEP, Step(KEEP, "bucket", "media-1"))))
    screen.begin(STEP)
    screen.again("scf:CreateFunction: timed out")
    screen.begin(STEP)
    screen.end(STEP, 3.21, 2.5)
    assert err.getvalue() == ""
    return out.getvalue()


def test_a_terminal_sees_what_is_being_done_in_colour() -> None:
    text = shown(Terminal())
    assert "creating function media-video" in text
    assert "\x1b[32m" in text


def test_a_file_gets_plain_lines() -> None:
    assert shown(io.StringIO()).splitlines() == [
        "+ function media-video",
        "= bucket   media-1",
        "plan: 1 to create, 0 to change, 0 to remove",
        "once more: scf:CreateFunction: timed out",
        "created function media-video (3.2 s, 2.5 s of it waiting)",
    ]


def test_json_output_says_why_the_account_is_read_again() -> None:
    out = io.StringIO()
    screen = Screen(out, io.StringIO(), as_json=True)
    screen.say("for people")
    screen.again("timed out")
    assert out.getvalue() == '{"event": "again", "reason": "timed out"}\n'
