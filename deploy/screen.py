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
#: The mark of each step in a plan.
SIGNS = {CREATE: ("+", "green"), CHANGE: ("~", "yellow"), REMOVE: ("-", "red"), KEEP: ("=", "dim"), SKIP: ("!", "dim")}
#: The word for each finished step.
DONE = {CREATE: "created", CHANGE: "changed", REMOVE: "removed", "publish": "published", "route": "routed"}
DOING = {CREATE: "creating", CHANGE: "changing", REMOVE: "removing", "publish": "publishing", "route": "routing"}


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
        if self._as_json:
            counts = {verb: plan.count(verb) for verb in (CREATE, CHANGE, REMOVE)}
            self._emit("plan", **counts, summary=plan.summary, steps=[_as_dict(step) for step in plan.steps])
            return
        for step in plan.steps:
            if step.verb in SIGNS:
                for line in _lines(step):
                    self._line(line, SIGNS[step.verb][1])
        if plan.is_empty:
            self._line("nothing differs", "")
        self._line(plan.summary, "bold")

    def begin(self, step: Step) -> None:
        """Show the current step, with a spinner on a terminal."""
        if not self._as_json and self._out.is_terminal:
            self._status = self._out.status(f"{DOING[step.verb]} {step.kind} {step.name}")
            self._status.start()

    def end(self, step: Step, seconds: float, waited: float) -> None:
        """Print a finished step, its duration, and the waiting time in it."""
        self.pause()
        if self._as_json:
            self._emit(
                "step",
                verb=step.verb,
                kind=step.kind,
                name=step.name,
                seconds=round(seconds, 3),
                waited=round(waited, 3),
            )
        else:
            waiting = f", {waited:.1f} s of it waiting" if waited else ""
            self._line(f"{DONE[step.verb]} {step.kind} {step.name} ({seconds:.1f} s{waiting})", "")

    def again(self, reason: str) -> None:
        """Print why the account is read again."""
        self.pause()
        if self._as_json:
            self._emit("again", reason=reason)
        else:
            self._line(f"once more: {reason}", "yellow")

    def url(self, url: Url) -> None:
        """Print a function's address."""
        if self._as_json:
            self._emit("url", function=url.alias, url=url.url, note=url.note)
        else:
            self._line(f"url {url.alias}={url.url}" + (f" ({url.note})" if url.note else ""), "bold")

    def code(self, sha256: str) -> None:
        """Print the hash of the deployed bundle."""
        if self._as_json:
            self._emit("code", sha256=sha256)
        else:
            self._line(f"code sha256 {sha256}", "dim")

    def say(self, text: str) -> None:
        """Print a line for people; JSON output omits it."""
        if not self._as_json:
            self._line(text, "")

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._problem("warning", f"deploy: {text}")

    def fail(self, problems: Iterable[str]) -> None:
        """Print the problems, a line each."""
        for problem in problems:
            self._problem("error", problem if problem.startswith("package: ") else f"deploy: {problem}")

    def pause(self) -> None:
        """Stop the spinner."""
        if self._status:
            self._status.stop()
            self._status = None

    def _problem(self, event: str, line: str) -> None:
        self.pause()
        if self._as_json:
            self._emit(event, message=line)
        print(self._masked(line), file=self._err)

    def _line(self, text: str, style: str) -> None:
        self._out.print(Text(self._masked(text), style=style))

    def _emit(self, event: str, **fields: Any) -> None:
        text = json.dumps({"event": event, **fields}, ensure_ascii=False)
        print(self._masked(text), file=self._out.file, flush=True)

    def _masked(self, text: str) -> str:
        for secret in self.secrets:
            if len(secret) >= SHORT:
                text = text.replace(secret, "***")
        return text


def _lines(step: Step) -> Iterator[str]:
    note = f" ({step.note})" if step.note else ""
    yield f"{SIGNS[step.verb][0]} {step.kind:8} {step.name}{note}"
    for each in step.differences:
        yield f"      {each.field}: {each.old} -> {each.new}"


def _as_dict(step: Step) -> dict[str, Any]:
    differences = [each._asdict() for each in step.differences]
    return {"verb": step.verb, "kind": step.kind, "name": step.name, "note": step.note, "differences": differences}
