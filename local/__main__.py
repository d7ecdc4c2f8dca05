"""The command line of the local cloud: `python -m local run|serve|invoke|fire`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from local import replay
from local.project import ProjectError
from local.stack import Cloud, Ports

ROOT = Path(__file__).resolve().parent.parent


class CommandError(Exception):
    """The command can't do what was asked; the message is for the person who typed it."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 the function failed, 2 it could not be done."""
    options = _parser().parse_args(arguments)
    try:
        return int(asyncio.run(options.command(options, os.environ)))
    except (CommandError, ProjectError, ValueError, OSError) as error:
        print(f"local: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The cloud on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="replay every file of events/ and compare the replies with their names")
    run.set_defaults(command=_run)
    serve = commands.add_parser("serve", help="the local cloud until Ctrl-C; LOCAL_PORT and LOCAL_STATE say where")
    serve.set_defaults(command=_serve)
    invoke = commands.add_parser("invoke", help="one invocation, on the running local cloud or a private one")
    invoke.add_argument("function", metavar="FUNCTION")
    invoke.add_argument("--event", required=True, metavar="FILE", help="a JSON file; - for standard input")
    invoke.set_defaults(command=_invoke)
    fire = commands.add_parser("fire", help="fire one timer of serverless.yml on the running local cloud")
    fire.add_argument("trigger", metavar="TRIGGER")
    fire.set_defaults(command=_fire)
    return parser


async def _run(_: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return 0 if await replay.run(ROOT, _state(environ) / "run", print) else 1


async def _serve(_: argparse.Namespace, environ: Mapping[str, str]) -> int:
    port = _port(environ)
    cloud = Cloud(ROOT, _state(environ), environ, Ports(port, port + 1, port + 2), _log)
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await cloud.start()
    print(f"ready gateway={cloud.gateway} media={cloud.media} cos={cloud.cos}", flush=True)
    await stopped.wait()
    await cloud.stop()
    return 0


async def _invoke(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    event = _read_event(options.event)
    outcome = await _ask_running(environ, f"invoke/{options.function}", event)
    if outcome is None:
        outcome = await _invoke_privately(options.function, event, environ)
    return _report(outcome)


async def _fire(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    outcome = await _ask_running(environ, f"fire/{options.trigger}", None)
    if outcome is None:
        raise CommandError(f"no local cloud on port {_port(environ)}: start one with `make serve`")
    return _report(outcome)


async def _ask_running(environ: Mapping[str, str], path: str, event: object) -> dict[str, Any] | None:
    """The outcome of a running local cloud; None when none is running."""
    url = f"http://127.0.0.1:{_port(environ)}/_local/{path}"
    try:
        async with aiohttp.ClientSession() as session, session.post(url, json=event) as response:
            answer: dict[str, Any] = await response.json()
    except aiohttp.ClientConnectorError:
        return None
    if response.status != 200:
        raise CommandError(answer["error"])
    return answer


async def _invoke_privately(function: str, event: object, environ: Mapping[str, str]) -> dict[str, Any]:
    cloud = Cloud(ROOT, _state(environ), environ, Ports(), lambda _: None)
    await cloud.start()
    try:
        return (await cloud.invoke(function, event))._asdict()
    except KeyError as error:
        raise CommandError(error.args[0]) from error
    finally:
        await cloud.stop()


def _report(outcome: Mapping[str, Any]) -> int:
    """SCF's log lines to stderr, the return value or the error object as JSON to stdout."""
    for line in outcome["log"]:
        _log(line)
    failed = outcome["error"] is not None
    print(json.dumps(outcome["error"] if failed else outcome["result"], indent=2, ensure_ascii=False))
    return 1 if failed else 0


def _read_event(name: str) -> object:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise CommandError(f"{name} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{name} is not JSON: {error}") from error


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("LOCAL_PORT") or "9000"
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 65533:
        raise CommandError("LOCAL_PORT must be a port number from 1 to 65533")
    return int(text)


def _state(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("LOCAL_STATE") or ROOT / ".local")


if __name__ == "__main__":
    sys.exit(main())
