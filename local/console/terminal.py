"""The console in the terminal: one line for each request, with the function's output below it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from local.console.feed import Activity
from local.console.samples import read_samples, sample_query

if TYPE_CHECKING:
    from local.cloud import Cloud

#: The default port of the gateway.
USUAL_PORT = 9000
#: How many lines of a function's output are shown: a million of them take a minute, and all else waits.
SHOWN_LINES = 1000


def show(console: Console, activity: Activity) -> None:
    """Print a finished activity: route, status, milliseconds, cold or warm, memory; then the function's output."""
    if not activity.status:
        return
    console.print(line(activity), soft_wrap=True)
    output = activity.outcome.output if activity.outcome else ()
    for text in output[:SHOWN_LINES]:
        console.print(Text(f"  {text}", style="dim"), soft_wrap=True)
    if more := len(output[SHOWN_LINES:]):
        console.print(Text(f"  … and {more} more lines", style="dim"))


def line(activity: Activity) -> Text:
    """Return an activity as one line."""
    text = Text.assemble(
        (activity.route, "bold"),
        "  ",
        (str(activity.status), "green" if activity.well else "red"),
        f"  {activity.milliseconds:.0f} ms",
    )
    if activity.outcome is None:
        return text
    init_ms = activity.outcome.init_ms
    started = ("warm", "") if init_ms is None else (f"cold {init_ms:.0f} ms", "yellow")
    text.append_text(Text.assemble("  ", started, f"  {activity.outcome.memory_mb:.0f} MB"))
    if activity.outcome.error is not None:
        text.append_text(Text(f"  {activity.outcome.error['errorMessage']}", "red"))
    return text


def hints(cloud: Cloud) -> list[str]:
    """Return lines that say what to try."""
    config = cloud.config
    api, url = next(iter(config.apis), None), next(iter(config.urls), None)
    timer, function = next(iter(config.timers), None), next(iter(config.functions))
    samples = read_samples(cloud.root)
    file = next((each.path.relative_to(cloud.root) for each in samples if each.function == function), "FILE")
    port = "" if cloud.gateway.endswith(f":{USUAL_PORT}") else f" --port {cloud.gateway.rpartition(':')[2]}"
    tries = [f"  the console   {cloud.gateway}/_local/"]
    if api:
        query = sample_query(samples, api.function, api.path)
        tries.append(f"  an API        curl '{cloud.gateway}{api.path}{query}'")
    if url:
        query = sample_query(samples, url.function, "/")
        tries.append(f"  a URL         curl '{cloud.gateway}/_url/{url.function}/{query}'")
    tries.append(f"  an event      {_python()} -m local invoke {function} --event {file}{port}")
    if timer:
        tries.append(f"  a timer       {_python()} -m local fire {timer.name}{port}")
    if debug := cloud.options.debug:
        tries += [f"  debugger of {name} on 127.0.0.1:{debug + number}" for number, name in enumerate(config.functions)]
    return tries


def _python() -> str:
    """The command for this Python, as a person in the same directory types it."""
    here, python = Path.cwd(), Path(sys.executable)
    return str(python.relative_to(here)) if python.is_relative_to(here) else "python"
