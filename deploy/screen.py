"""Prints the plan and each step, for people or as JSON. Secrets are never printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

from deploy.steps import CHANGE, CREATE, KEEP, REMOVE, SKIP, Plan, Step
from deploy.urls import Url

#: Shorter texts are words rather than secrets.
SHORT = 8
#: The sign and colour of each step in a plan, which shows publishing and routing as the function's change.
SIGNS = {CREATE: ("+", "green"), CHANGE: ("~", "yellow"), REMOVE: ("-", "red"), KEEP: ("=", "dim"), SKIP: ("!", "dim")}


class Screen:
    """Plain lines on stdout, in colour on a terminal; with `as_json` one JSON object a line. Problems go to stderr."""

    def __init__(self, out: TextIO, err: TextIO, as_json: bool = False) -> None:
        self._out = Console(file=out, highlight=False, soft_wrap=True, markup=False, emoji=False)
        self._err = err
        #: Texts that are masked in all output, without short ones, which could be part of other words.
        self.secrets: Sequence[str] = ()
        self._as_json = as_json
        self._status: Status | None = None

    def plan(self, plan: Plan) -> None:
        """Print the plan, ending with the counts."""
        if not self._as_json:
            for step in (each for each in plan.steps if each.verb in SIGNS):
                for line in _lines(step):
                    self._line(line, SIGNS[step.verb][1])
            if plan.is_empty:
                self._line("nothing differs")
        counts = {verb: plan.count(verb) for verb in (CREATE, CHANGE, REMOVE)}
        steps = [_as_dict(step) for step in plan.steps]
        self._report("plan", plan.summary, "bold", **counts, summary=plan.summary, steps=steps)

    def begin(self, step: Step) -> None:
        """Show the current step, with a spinner on a terminal."""
        if not self._as_json and self._out.is_terminal:
            self._status = self._out.status(f"{_with_ending(step.verb, 'ing')} {step.kind} {step.name}")
            self._status.start()

    def end(self, step: Step, seconds: float, waited: float) -> None:
        """Print a finished step, its duration, and the waiting time in it."""
        waiting = f", {waited:.1f} s of it waiting" if waited else ""
        line = f"{_with_ending(step.verb, 'ed')} {step.kind} {step.name} ({seconds:.1f} s{waiting})"
        times = {"seconds": round(seconds, 3), "waited": round(waited, 3)}
        self._report("step", line, verb=step.verb, kind=step.kind, name=step.name, **times)

    def again(self, reason: str) -> None:
        """Print why the account is read again."""
        self._report("again", f"once more: {reason}", "yellow", reason=reason)

    def url(self, url: Url) -> None:
        """Print a function's address."""
        line = f"url {url.alias}={url.url}" + (f" ({url.note})" if url.note else "")
        self._report("url", line, "bold", function=url.alias, url=url.url, note=url.note)

    def code(self, sha256: str) -> None:
        """Print the hash of the deployed bundle."""
        self._report("code", f"code sha256 {sha256}", "dim", sha256=sha256)

    def say(self, text: str) -> None:
        """Print a line for people; JSON output omits it."""
        if not self._as_json:
            self._line(text)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._problem("warning", text)

    def fail(self, problems: Iterable[str]) -> None:
        """Print the problems, a line each."""
        for problem in problems:
            self._problem("error", problem)

    def _problem(self, event: str, text: str) -> None:
        line = f"deploy: {text}"
        if self._as_json:
            self._report(event, line, message=line)
        self._stop_spinner()
        print(self._masked(line), file=self._err)

    def _report(self, event: str, line: str, style: str = "", /, **fields: Any) -> None:
        """Print a line for people, or a JSON object for machines."""
        self._stop_spinner()
        if self._as_json:
            text = json.dumps({"event": event, **fields}, ensure_ascii=False)
            print(self._masked(text), file=self._out.file, flush=True)
        else:
            self._line(line, style)

    def _line(self, text: str, style: str = "") -> None:
        self._out.print(Text(self._masked(text), style=style))

    def _stop_spinner(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None

    def _masked(self, text: str) -> str:
        for secret in self.secrets:
            if len(secret) >= SHORT:
                text = text.replace(secret, "***")
        return text


def _with_ending(verb: str, ending: str) -> str:
    """Return the form of a step's verb with "ing" or "ed"; all of them are regular."""
    return verb.removesuffix("e") + ending


def _lines(step: Step) -> Iterator[str]:
    note = f" ({step.note})" if step.note else ""
    yield f"{SIGNS[step.verb][0]} {step.kind:8} {step.name}{note}"
    for each in step.differences:
        yield f"      {each.field}: {each.old} -> {each.new}"


def _as_dict(step: Step) -> dict[str, Any]:
    differences = [each._asdict() for each in step.differences]
    return {"verb": step.verb, "kind": step.kind, "name": step.name, "note": step.note, "differences": differences}
