"""The command line of the local cloud: `python -m local`."""

from __future__ import annotations

import signal

# During the imports, Ctrl-C just ends the process: there is nothing to clean up, and a traceback is of no use.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import errno
import json
import os
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

try:
    import click
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
except ModuleNotFoundError:  # a Python outside the environment
    sys.stderr.write("local: not installed for this Python: use `make serve`, or .venv/bin/python -m local …\n")
    sys.exit(2)

from local import load_test, replay
from local.cloud import Cloud, Options, Ports
from local.config import ConfigError, read_config
from local.console.remote import CommandError, ask_running
from local.console.terminal import USUAL_PORT, hints, show
from local.scf.project import differences
from local.state import StateError, export_state, import_state, reset_state

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
#: Signals that end a command cleanly.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
#: Errors that are printed without a traceback.
EXPECTED = (CommandError, ConfigError, StateError, ValueError, OSError)

port_option = click.option(
    "--port",
    type=click.IntRange(1, 65532),
    default=USUAL_PORT,
    envvar="LOCAL_PORT",
    show_envvar=True,
    show_default=True,
    help="Port of the gateway; the media API, COS and CI use the next three.",
)
state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / ".local",
    envvar="LOCAL_STATE",
    show_envvar=True,
    help="Directory for COS objects and deployed functions.",
)
project_option = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Directory with the serverless.yml of another project.",
)
debug_option = click.option(
    "--debug", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Port to wait on for debugpy."
)


class Named(click.Command):
    """A command whose help lists the functions and timers of this checkout."""

    def format_epilog(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names, or the reason why serverless.yml can't be read."""
        try:
            config = read_config(ROOT / "serverless.yml", os.environ)
        except ConfigError as error:
            formatter.write_text(str(error))
            return
        with formatter.section("In this checkout"):
            formatter.write_text(f"functions: {', '.join(config.functions)}")
            formatter.write_text(f"timers: {', '.join(timer.name for timer in config.timers)}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 the function failed, 2 the command can't run."""
    try:
        return int(cli.main(arguments, prog_name="python -m local", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
    except click.ClickException as error:
        click.echo(f"local: {error.format_message()}", err=True)
    except EXPECTED as error:
        click.echo("\n".join(f"local: {line}" for line in str(error).splitlines()), err=True)
    except (KeyboardInterrupt, asyncio.CancelledError, click.Abort):
        return 130
    return 2


@click.group()
def cli() -> None:
    """The cloud on one machine."""


@cli.command()
@state_option
@click.option("--verbose", "-v", is_flag=True, envvar="V", show_envvar=True, help="Print every reply in full.")
def run(state: Path, verbose: bool) -> int:
    """Replay every file of events/ and compare each reply with the status in the file's name."""
    console = Console(highlight=False)
    return 0 if _run(replay.run(ROOT, state / "run", console, verbose)) else 1


@cli.command()
@port_option
@state_option
@project_option
@debug_option
@click.option("--verbose", "-v", is_flag=True, help="Also print SCF's log lines.")
def serve(port: int, state: Path, project: Path | None, debug: int, verbose: bool) -> int:
    """Run the local cloud until Ctrl-C or SIGTERM.

    With --debug, each function waits for a debugger on a port of its own, in the order of serverless.yml.
    """
    console = Console(stderr=True, highlight=False)
    log = partial(console.print, style="dim", markup=False, soft_wrap=True) if verbose else None
    options = Options(debug=debug, terminal=_terminal())
    cloud = Cloud(project or ROOT, state, os.environ, Ports(*range(port, port + 4)), log, options)
    cloud.feed.listen(lambda activity: show(console, activity))
    with suppress(asyncio.CancelledError):
        _run(_serve(cloud, console, port))
    return 0


@cli.command(cls=Named)
@click.argument("function")
@click.option("--event", "file", type=click.File(encoding="utf-8"), required=True, help="JSON; - for standard input.")
@port_option
@state_option
@project_option
@debug_option
def invoke(function: str, file: TextIO, port: int, state: Path, project: Path | None, debug: int) -> int:
    """Invoke FUNCTION once, on the running local cloud or a private one.

    SCF's log lines go to stderr, the value as JSON to stdout; the exit status is 1 when the function failed.
    """
    try:
        event = json.load(file)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file.name} is not JSON: {error}") from error
    outcome = None if debug else _run(ask_running(port, f"invoke/{function}", event, project))
    if outcome is None:
        try:
            cloud = Cloud(project or ROOT, state, os.environ, options=Options(debug=debug, terminal=_terminal()))
        except StateError as error:
            raise CommandError(str(error) if debug else f"nothing on port {port} (LOCAL_PORT), and {error}") from error
        if debug:
            click.echo(f"waiting for a debugger on 127.0.0.1:{debug}", err=True)
        outcome = _run(_invoke_privately(cloud, function, event))
    return _report(outcome)


@cli.command(cls=Named)
@click.argument("trigger")
@port_option
def fire(trigger: str, port: int) -> int:
    """Fire the timer TRIGGER of serverless.yml now, on the running local cloud."""
    outcome = _run(ask_running(port, f"fire/{trigger}", None))
    if outcome is None:
        raise CommandError(f"no local cloud on port {port}: start one with `make serve`, or see LOCAL_PORT")
    return _report(outcome)


@cli.command("load-test")
@state_option
@click.option("--kind", type=click.Choice(("video", "audio")), default="video", show_default=True)
@click.option("--ids", type=click.IntRange(1), default=50_000, show_default=True)
@click.option("--shard-size", type=click.IntRange(1), default=5000, show_default=True, metavar="IDS")
@click.option("--delay", type=click.FloatRange(0), default=0.05, show_default=True, help="Seconds per API call.")
@click.option("--faults", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Share of failing calls.")
@click.option("--instances", type=click.IntRange(1), default=4, show_default=True, help="Most instances at once.")
@click.option("--concurrency", type=click.IntRange(1), default=16, show_default=True, help="Calls in flight, each.")
@click.option("--kills", type=click.IntRange(0), default=0, help="Number of instances to kill at random moments.")
def load(state: Path, **order: Any) -> int:
    """Sweep many ids on a local cloud of its own and print the figures.

    The exit status is 1 if an id was lost, or was asked about again after it was final.
    """
    ordered = load_test.Order(**order)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("ids"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=ordered.ids)
        running = load_test.run(ROOT, state / "sweep", ordered, lambda final: progress.update(bar, completed=final))
        figures = _run(running)
    click.echo("\n".join(figures.lines()))
    return 1 if figures.lost or (figures.repeated and not ordered.kills) else 0


@cli.group()
def state() -> None:
    """Export, import or reset the state directory. Stop the local cloud first."""


@state.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@state_option
def export(file: Path, state: Path) -> None:
    """Write all objects and deployed functions to FILE, a zip."""
    click.echo(f"{file}: {export_state(state, file)} files")


@state.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@state_option
def import_file(file: Path, state: Path) -> None:
    """Replace the state by that in FILE, which `state export` has written."""
    click.echo(f"{state}: {import_state(state, file)} files")


@state.command()
@state_option
def reset(state: Path) -> None:
    """Remove all objects and deployed functions."""
    reset_state(state)
    click.echo(f"{state} is empty")


async def _serve(cloud: Cloud, console: Console, port: int) -> None:
    try:
        await cloud.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CommandError(f"a port from {port} to {port + 3} is taken; choose others with LOCAL_PORT") from error
    try:
        cloud.start_timers()
        click.echo(f"ready gateway={cloud.gateway} media={cloud.media} cos={cloud.cos} ci={cloud.ci}")
        for line in (*hints(cloud), *differences(cloud.config)):
            console.print(line, markup=False, style="dim", soft_wrap=True)
        await asyncio.Event().wait()
    finally:
        await cloud.stop()


async def _invoke_privately(cloud: Cloud, function: str, event: object) -> dict[str, Any]:
    async with cloud:
        try:
            return (await cloud.invoke(function, event))._asdict()
        except KeyError as error:
            raise CommandError(error.args[0]) from error


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine. The first signal cancels it; further ones are ignored, so that it can clean up."""

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(coroutine)

        def stop() -> None:
            for name in SIGNALS:
                loop.add_signal_handler(name, lambda: None)
            task.cancel()

        for name in SIGNALS:
            loop.add_signal_handler(name, stop)
        return await task

    return asyncio.run(guarded())


def _report(outcome: Mapping[str, Any]) -> int:
    """Print SCF's log lines to stderr, and the return value or the error object as JSON to stdout."""
    for line in outcome["log"]:
        click.echo(line, err=True)
    failed = outcome["error"] is not None
    click.echo(json.dumps(outcome["error"] if failed else outcome["result"], indent=2, ensure_ascii=False))
    return 1 if failed else 0


def _terminal() -> int | None:
    """A file descriptor of the terminal on stdin; None if stdin is no terminal."""
    return os.dup(sys.stdin.fileno()) if sys.stdin.isatty() else None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
