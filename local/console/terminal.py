"""What happens, in the terminal: a line a request, the function's own output under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from local.console.feed import Activity

if TYPE_CHECKING:
    from local.cloud import Cloud
    from local.config import Config


def show(console: Console, activity: Activity) -> None:
    """Print an activity that has ended: route, status, milliseconds, cold or warm, memory; then what it printed."""
    if not activity.status:
        return
    console.print(line(activity), soft_wrap=True)
    if activity.outcome:
        for text in activity.outcome.output:
            console.print(Text(f"  {text}", style="dim"), soft_wrap=True)


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
    """Return what to try, a line each."""
    config = cloud.config
    api, url = next(iter(config.apis), None), next(iter(config.urls), None)
    timer, function = next(iter(config.timers), None), next(iter(config.functions))
    return [
        f"  the console   {cloud.gateway}/_local/",
        *([f"  an API        curl '{cloud.gateway}{api.path}'"] if api else []),
        *([f"  a URL         curl '{cloud.gateway}/_url/{url.function}/'"] if url else []),
        f"  an event      python -m local invoke {function} --event FILE",
        *([f"  a timer       python -m local fire {timer.name}"] if timer else []),
        *_debuggers(cloud.debugging.port, config),
    ]


def _debuggers(port: int, config: Config) -> list[str]:
    return [
        f"  debugger of {name} on 127.0.0.1:{port + number}" for number, name in enumerate(config.functions) if port
    ]
