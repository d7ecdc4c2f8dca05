"""What happens, in the terminal: a line a request, the function's own output under it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from local.console.feed import Activity


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
