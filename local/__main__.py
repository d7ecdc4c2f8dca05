"""The command line of the local cloud: `python -m local run|serve|invoke|fire|sweep`."""

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
from tqdm import tqdm

from local import load_test as sweep
from local import replay
from local.cloud import Cloud, Ports
from local.config import ConfigError

ROOT = Path(__file__).resolve().parent.parent


class CommandError(Exception):
    """The command can't do what was asked; the message is for the person who typed it."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 the function failed, 2 it could not be done."""
    options = _parser().parse_args(arguments)
    try:
        return int(asyncio.run(options.command(options, os.environ)))
    except (CommandError, ConfigError, ValueError, OSError) as error:
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
    large = commands.add_parser("sweep", help="sweep many ids on a local cloud of its own and say how it went")
    large.add_argument("--kind", choices=("video", "audio"), default="video")
    large.add_argument("--ids", type=_positive, default=50_000)
    large.add_argument("--shard-size", type=_positive, default=5000, metavar="IDS")
    large.add_argument("--delay", type=float, default=0.05, metavar="SECONDS", help="how far away the API is")
    large.add_argument("--faults", type=float, default=0.05, metavar="SHARE", help="of the calls that fail, 0 to 1")
    large.add_argument("--instances", type=_positive, default=4, help="of the function, at most")
    large.add_argument("--concurrency", type=_positive, default=16, help="calls in flight an instance")
    large.add_argument("--kills", type=int, default=0, help="instances to kill at random moments")
    large.set_defaults(command=_sweep)
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
    cloud.start_timers()
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


async def _sweep(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Swept ids on a progress bar, then the figures; 1 when an id was lost or asked about again once final."""
    order = sweep.Order(**{name: getattr(options, name) for name in sweep.Order._fields})
    with tqdm(total=order.ids, unit=" ids") as bar:
        outcome = await sweep.run(ROOT, _state(environ) / "sweep", order, lambda final: bar.update(final - bar.n))
        bar.update(order.ids - outcome.lost - bar.n)
    print("\n".join(outcome.lines()))
    return 1 if outcome.lost or (outcome.repeated and not order.kills) else 0


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError("must be a whole number above 0")
    return int(text)


async def _fire(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    outcome = await _ask_running(environ, f"fire/{options.trigger}", None)
    if outcome is None:
        raise CommandError(f"no local cloud on port {_port(environ)}: start one with `make serve`")
    return _report(outcome)


async def _ask_running(environ: Mapping[str, str], path: str, event: object) -> dict[str, Any] | None:
    """The outcome of a running local cloud; None when none is running."""
    url = f"http://127.0.0.1:{_port(environ)}/_local/{path}"
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=json.dumps(event)) as response:
            answer: dict[str, Any] = await response.json()
    except aiohttp.ClientConnectorError:
        return None
    except aiohttp.ClientError as error:
        raise CommandError(f"what answers on port {_port(environ)} is no local cloud; see LOCAL_PORT") from error
    if "error" not in answer:
        raise CommandError(f"what answers on port {_port(environ)} is no local cloud; see LOCAL_PORT")
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
    except (ValueError, RecursionError) as error:
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
