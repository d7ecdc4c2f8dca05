"""The process of an instance: loads the handler, then answers one event after the other.

It is started by file path, with any Python from 3.7 on, as the leader of a new session, in the code directory: `python
bootstrap.py HANDLER EVENTS_FD REPLIES_FD OPTIONS`. It imports little, because imports are part of the cold start.
OPTIONS is JSON: `packages` maps names of packages to their folders; `code` lists folders that can't be written; `debug`
is the port to wait on for a debugger; `debugpy` is the folder of debugpy, and `adapter` the Python that its own process
runs on; `terminal` is the descriptor of the terminal for breakpoint().

Protocol: each frame is one line of JSON. A reply is two frames: `{"status", "message", "stack", "memory_mb", "files"}`
and the handler's return value (null unless the status is 200). `files` are the code files read since the last reply,
each with time and size. The first reply is the result of the start; each later one answers an event. An event is two
frames as well: `{"context", "environ", "marker"}` and the event itself. A reply of status 102 says that the code has
stopped at a breakpoint: from then on the time limit does not count.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import child  # type: ignore[import-not-found] # the same file, by the script's folder

    del sys.modules["child"]  # the name is the user's
    # A script's directory comes first in sys.path. Remove it before anything else is imported: SCF's path does not have
    # it, and its modules could hide those of the standard library.
    sys.path[:] = [entry for entry in sys.path if entry != __file__.rpartition("/")[0]]

else:
    from local.scf import child

import _thread
import json
import os
import select
from importlib.machinery import PathFinder
from types import FunctionType

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.machinery import ModuleSpec
    from io import BufferedReader
    from types import ModuleType
    from typing import Any

    Handler = Callable[[object, Mapping[str, object]], object]

#: The largest response, in bytes (SCF quota limits: 6 MB for a synchronous one).
MAX_RESPONSE = 6 * 1024 * 1024
#: The most characters of a message or a stack trace; SCF's limit is not documented.
MAX_TEXT = 256 * 1024
#: signal.SIGKILL, which is 9 on every POSIX system, without importing signal.
SIGKILL = 9


class HandlerFault(Exception):
    """The handler can't be called: `status` is SCF's code, the message says what was expected and what was found."""

    def __init__(self, status: int, message: str, stack: str = "") -> None:
        super().__init__(printable(message))
        self.status = status
        self.stack = stack


class LogToStderr:
    """A meta path finder that sets up the root logger when `logging` is first imported.

    SCF's bootstrap (the 2020 CLI mirror) imports logging and adds a DEBUG handler to the root logger before user code.
    Doing it at the import has the same effect, and costs nothing if a function doesn't log.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> ModuleSpec | None:
        """Return the usual spec for `logging`, with a loader that sets up the root logger; None for other modules."""
        if name != "logging":
            return None
        sys.meta_path.remove(LogToStderr)
        spec = PathFinder.find_spec(name)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError("the standard library has no logging", name=name)
        execute = spec.loader.exec_module

        def execute_and_set_up(module: ModuleType) -> None:
            execute(module)
            set_up_logging(module)

        spec.loader.exec_module = execute_and_set_up  # type: ignore[method-assign]
        return spec


def set_up_logging(logging: ModuleType) -> None:
    """Send every record of the root logger of this `logging` module to stderr, as text alone."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    root.addHandler(logging.StreamHandler())


def load(handler: str) -> Handler:
    """Return the function that `<file>.<function>` names; the file is in the working directory.

    Raises HandlerFault: 437 for a wrong file or function, 443 if importing the file fails (SCF's status code page,
    583/35311).
    """
    file, _, function = handler.partition(".")
    if not file or not function or "." in function or "/" in handler:
        raise HandlerFault(437, f"handler {handler!r} is not of the form <file without .py>.<function>")
    if not os.path.isfile(f"{file}.py"):
        found = [name for name in sorted(os.listdir()) if name.endswith(".py")]
        raise HandlerFault(437, f"no {file}.py at the root of the code directory, which has {listed(found)}")
    module = import_entry(file)
    if not hasattr(module, function):
        found = sorted(name for name, value in vars(module).items() if isinstance(value, FunctionType))
        raise HandlerFault(437, f"no function {function} in {file}.py, which has {listed(found)}")
    value = getattr(module, function)
    if not callable(value):
        raise HandlerFault(437, f"{function} in {file}.py is not callable: it is of type {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def import_entry(file: str) -> ModuleType:
    """Import the entry file. Raises HandlerFault for any exception; SystemExit ends the process, as in SCF."""
    try:
        return __import__(file)
    except SystemExit:
        raise
    except SyntaxError as error:
        where = f"{os.path.relpath(error.filename or file)}, line {error.lineno}"
        raise HandlerFault(443, f"syntax error in {where}: {error.msg}", stack_of(error)) from error
    except ModuleNotFoundError as error:
        found = [name.partition(".py")[0] for name in sorted(os.listdir()) if name.endswith(".py") or is_package(name)]
        message = f"{file}.py needs a module that can't be found: {error.name}; the code directory has {listed(found)}"
        raise HandlerFault(443, message, stack_of(error)) from error
    except BaseException as error:
        message = f"importing {file}.py raised {type(error).__name__}: {error}"
        raise HandlerFault(443, message, stack_of(error)) from error


def is_package(name: str) -> bool:
    """Whether the working directory has a package of this name."""
    return name.isidentifier() and name != "__pycache__" and os.path.isdir(name)


def printable(text: str) -> str:
    """Return a text cut to size, with lone surrogates escaped, so that it can be printed and encoded."""
    return text[:MAX_TEXT].encode(errors="backslashreplace").decode()


def listed(names: list[str]) -> str:
    """Return names as text for a message."""
    return ", ".join(names) or "none"


def stack_of(error: BaseException) -> str:
    """Return the stack trace as text, the user's frames only."""
    import traceback  # only failures pay for it

    trace = traceback.TracebackException(type(error), error, error.__traceback__)
    own = (stack_of.__code__.co_filename, child.__file__)
    trace.stack[:] = [frame for frame in trace.stack if frame.filename not in own]
    return printable("".join(trace.format()))


def run(function: Handler, event: object, context: Mapping[str, object]) -> tuple[dict[str, object], bytes]:
    """Call the handler; return the reply's first frame, without `memory_mb`, and the return value as JSON.

    SystemExit is not caught: for SCF the process has ended.
    """
    try:
        # JSON has no NaN and, in UTF-8, no lone surrogate. SCF's page says only that an invocation fails if its result
        # isn't serialisable; that it looks like an exception of the user's is our guess.
        value = json.dumps(function(event, context), ensure_ascii=False, allow_nan=False).encode()
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - any exception of user code is a result
        return {"status": 430, "message": "user code exception caught", "stack": stack_of(error)}, b"null"
    if len(value) > MAX_RESPONSE:
        return {"status": 407, "message": "The size of response exceeds the upper limit (6MB)", "stack": ""}, b"null"
    return {"status": 200, "message": "", "stack": ""}, value


def update_environ(variables: Mapping[str, str | None]) -> None:
    """Set the environment variables that come with an event; None removes one."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def flush_output() -> None:
    """Flush stdout and stderr, even if user code has replaced them."""
    for stream in (sys.stdout, sys.stderr):
        if not getattr(stream, "closed", True):
            stream.flush()


def serve(handler: str, events: BufferedReader, replies: child.Replies, log_fd: int) -> None:
    """Load the handler and answer events until the pipe ends, or until loading has failed.

    After each event, a line with the event's marker is written to `log_fd`, where stdout and stderr go too: it tells
    the parent that it has read all that the handler printed. A newline is written first, because the handler's last
    line may lack one.
    """
    try:
        function = load(handler)
    except HandlerFault as fault:
        replies.write({"status": fault.status, "message": str(fault), "stack": fault.stack})
        return
    replies.write({"status": 200, "message": "", "stack": ""})
    process = os.getpid()
    for head in iter(events.readline, b""):
        details = json.loads(head)
        update_environ(details["environ"])
        answer, value = run(function, json.loads(events.readline()), details["context"])
        flush_output()
        if os.getpid() != process:  # a copy that the handler has forked, and that has returned from it too
            os._exit(0)
        os.write(log_fd, f"\n{details['marker']}\n".encode())
        replies.write(answer, value)


def die_with_parent(events_fd: int) -> None:
    """Wait until the parent has closed the pipe of events, then kill this process group.

    Without this, a handler that never returns would outlive a killed parent. poll() reports the hang-up even if no
    event is registered, so the wait costs nothing.
    """
    poll = select.poll()
    poll.register(events_fd, 0)
    poll.poll()
    os.killpg(os.getpid(), SIGKILL)
    os._exit(1)


def main(handler: str, events_fd: int, replies_fd: int, options: dict[str, Any]) -> None:
    """Serve the two pipes, given as file descriptors, until the parent closes them."""
    for fd in (events_fd, replies_fd):
        os.set_inheritable(fd, False)
        # For the parent, the end of a pipe means that this process has ended: what it forks must not hold one open.
        os.register_at_fork(after_in_child=lambda fd=fd: os.close(fd))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a kill must not lose what was printed
    if "logging" in sys.modules:
        set_up_logging(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, LogToStderr)
    if options["packages"]:
        sys.meta_path.insert(0, child.Packages(options["packages"]))
    _thread.start_new_thread(die_with_parent, (events_fd,))
    if options["debug"]:
        child.wait_for_debugger(options["debug"], options["debugpy"], options["adapter"])
    code = child.CodeFolder(options["code"])
    if hasattr(sys, "addaudithook"):  # from Python 3.8 on
        sys.addaudithook(code)
    # The descriptors stay open until the process has ended: for the parent, the end of the pipe means just that.
    with open(events_fd, "rb", closefd=False) as events, open(replies_fd, "wb", closefd=False) as pipe:
        replies = child.Replies(pipe, code)
        if options["terminal"]:
            child.break_on(options["terminal"], replies)
        # The markers have a descriptor of their own: user code can close or redirect its stdout.
        serve(handler, events, replies, os.dup(1))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]))
