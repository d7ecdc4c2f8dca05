"""Handlers that do one thing each, well-behaved or not; the runtime shim's tests call them by name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

calls = 0

NOT_CALLABLE = "a text"


def echo(event: object, context: Mapping[str, object]) -> object:
    """The event as it came, and how many this instance has had."""
    global calls  # noqa: PLW0603 - globals outlive an event, which is the point
    calls += 1
    return {"event": event, "calls": calls, "pid": os.getpid()}


def same(event: object, context: Mapping[str, object]) -> object:
    return event


def report(event: object, context: Mapping[str, object]) -> object:
    """Return the function's own context and environment."""
    import http

    return {
        "context": context,
        "environ": dict(os.environ),
        "path": sys.path,
        "cwd": str(Path.cwd()),
        "utc_offset": time.localtime().tm_gmtoff,
        "http": http.__file__,
        "fds": sorted(os.listdir("/proc/self/fd")) if sys.platform == "linux" else [],
        "modules": sorted(sys.modules),
    }


def home(event: object, context: Mapping[str, object]) -> object:
    """Try to make the home folder, and a file in it; return the errors' numbers."""
    errors = []
    for change in (os.mkdir, lambda folder: (folder / "file").touch()):
        try:
            change(Path.home())
        except OSError as error:
            errors.append(error.errno)
    return errors


def tidies(event: str, context: Mapping[str, object]) -> object:
    """Empty a folder in the way of shutil.rmtree: by names below its descriptor. One of them is this file's."""
    folder = Path(event)
    (folder / Path(__file__).name).touch()
    shutil.rmtree(folder)
    return folder.exists()


def writes_through_a_link(event: str, context: Mapping[str, object]) -> None:
    link = Path(event)
    link.symlink_to(Path(__file__).parent)
    os.utime(link / Path(__file__).name)


def opens_a_link(event: str, context: Mapping[str, object]) -> None:
    Path(event).symlink_to(__file__)
    with open(event, "r+b"):
        pass


def environ(event: str, context: Mapping[str, object]) -> object:
    return os.environ.get(event)


def raises(event: object, context: Mapping[str, object]) -> object:
    try:
        return os.environ["VID"]
    except KeyError as error:
        raise LookupError(f"no vid in {event}") from error


def raises_at_length(event: int, context: Mapping[str, object]) -> object:
    raise ValueError("\U0001f3ac" * event + "\ud800")


def interrupts(event: object, context: Mapping[str, object]) -> object:
    raise KeyboardInterrupt


def prints(event: object, context: Mapping[str, object]) -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    print("片段\n\nafter a blank line\n")
    os.write(1, b"not UTF-8: \xff\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    print("no newline", end="")


def rewraps_stdout(event: object, context: Mapping[str, object]) -> None:
    """A habit from Python 2 days: a text layer of one's own on stdout."""
    import io

    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    print("rewrapped")


def closes_stdout(event: object, context: Mapping[str, object]) -> None:
    sys.stdout.close()
    os.close(2)


def chatty(event: int, context: Mapping[str, object]) -> None:
    """As many bytes in one line, then as many in lines of 1 KB."""
    print("x" * event)
    for _ in range(event // 1024):
        print("y" * 1023)


def prints_then_sleeps(event: object, context: Mapping[str, object]) -> None:
    print("before the night\n")
    time.sleep(3600)


def waits_for_file(event: str, context: Mapping[str, object]) -> int:
    """Say that it has begun, then wait until the file of the event's name is there."""
    Path(f"{event}.{os.getpid()}").touch()
    print("waiting", flush=True)
    while not Path(event).exists():
        time.sleep(0.005)
    return os.getpid()


def prints_later(event: object, context: Mapping[str, object]) -> None:
    """Leave a thread that prints once the event is answered, and makes a file of the event's name after that."""

    def print_later() -> None:
        parent_has_answered = Path(f"{event}.answered")
        while not parent_has_answered.exists():
            time.sleep(0.005)
        print("between two events")
        Path(str(event)).touch()

    threading.Thread(target=print_later).start()


def returns_none(event: object, context: Mapping[str, object]) -> None:
    return None


def returns_nan(event: object, context: Mapping[str, object]) -> object:
    return {"share": float("nan")}


def returns_set(event: object, context: Mapping[str, object]) -> object:
    return {1, 2}


def returns_surrogate(event: object, context: Mapping[str, object]) -> object:
    return "\ud800"


def returns_text(event: int, context: Mapping[str, object]) -> str:
    """A JSON text of as many bytes, with its quotes."""
    return "z" * (event - 2)


def allocates(event: int, context: Mapping[str, object]) -> int:
    """Hold as many MB for a moment."""
    return len(bytearray(os.urandom(1024)) * (event * 1024))


def os_exits(event: int, context: Mapping[str, object]) -> None:
    print("last words")
    os._exit(event)


def sys_exits(event: str, context: Mapping[str, object]) -> None:
    sys.exit(event)


def kills_itself(event: object, context: Mapping[str, object]) -> None:
    os.kill(os.getpid(), 9)


def dies_later(event: str, context: Mapping[str, object]) -> None:
    """Answer, and end once the file of the event's name is there."""

    def die() -> None:
        while not Path(event).exists():
            time.sleep(0.005)
        os._exit(3)

    threading.Thread(target=die).start()


def forks(event: bool, context: Mapping[str, object]) -> object:
    """Leave a process behind, in a session of its own if the event says so, that holds all pipes open."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        if event:
            os.setsid()
        os.write(write, b"!")
        time.sleep(3600)
    os.read(read, 1)
    print(f"left {pid}")
    return pid


def forks_then_sleeps(event: bool, context: Mapping[str, object]) -> None:
    forks(event, context)
    time.sleep(3600)


def forks_and_both_return(event: object, context: Mapping[str, object]) -> object:
    return [event, os.fork() and "parent"]


def leaves_a_copy_and_dies(event: object, context: Mapping[str, object]) -> object:
    """Leave a copy of this process running, out of its group; return its id, or end with the event `die`."""
    if event == "die":
        os._exit(4)
    if pid := os.fork():
        return pid
    os.setsid()
    time.sleep(3600)
    return None
