"""Helpers of `bootstrap`: the code folder, packages, the pipe to the parent, debuggers.

The same rules hold as there: any Python from 3.7 on, few imports.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.machinery import ModuleSpec
    from io import BufferedWriter
    from typing import Any

#: The status of a reply that says that the code has stopped at a breakpoint; the protocol's own.
STOPPED = 102
#: The oldest Python on which debugpy still works inside the function.
DEBUGGABLE = (3, 8)
#: Audit events that change files, and the positions of the files in their arguments (Python's audit events table).
CHANGES = {
    **{f"os.{name}": (0,) for name in ("remove", "mkdir", "rmdir", "truncate", "chmod", "chown", "utime", "setxattr")},
    "os.rename": (0, 1),
    "os.link": (0, 1),
    "os.symlink": (1,),
}
#: What HOME names on SCF. It does not exist there, and can't be made: egg-alinode's mkdir of it ended in EROFS, and
#: cos-python-sdk-v5 can't write below it (its pull request 250). Here it could be made, by root.
HOME = "/home/qcloud"


class CodeFolder:
    """An audit hook that makes the code folders and HOME read-only, as on SCF: here they are the user's own files.

    It sees this process only: a program that the function starts can still write there.

    It records time and size of the files that are read: an instance whose files have changed is not used again.
    """

    def __init__(self, folders: list[str]) -> None:
        self.files: dict[str, tuple[int, int]] = {}
        self._folders = tuple(folder + "/" for folder in (*folders, HOME))

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse a change with the error of a read-only file system; record what is read."""
        if event == "open":
            path, _, flags = arguments
            self._opened(path, bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)))
        elif event in CHANGES:
            for place in CHANGES[event]:
                self._opened(arguments[place], True)

    def take(self) -> dict[str, tuple[int, int]]:
        """Return the files read since the last call; without audit hooks (Python 3.7), the imported ones."""
        if not hasattr(sys, "addaudithook"):
            for module in list(sys.modules.values()):
                self._opened(getattr(module, "__file__", None) or 0, False)
        files, self.files = self.files, {}
        return files

    def _opened(self, path: object, changes: bool) -> None:
        if isinstance(path, int):
            return
        name = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type] # what open takes beside numbers
        if changes and f"{name}/".startswith(self._folders):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)
        if not name.startswith(self._folders):
            return
        folder, _, file = name.rpartition("/__pycache__/")
        source = f"{folder}/{file.partition('.')[0]}.py" if folder else name
        try:
            status = os.stat(source)
        except OSError:
            return  # a file that does not exist is not read
        self.files[source] = (status.st_mtime_ns, status.st_size)


class Packages:
    """A meta path finder for packages that the bundle has at its root, but the checkout elsewhere."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = folders

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Return the spec of one of the packages, None for any other module."""
        folder = self._folders.get(name)
        return PathFinder.find_spec(name, [os.path.dirname(folder)]) if folder else None


def peak_memory_mb() -> float:
    """Return the most memory that this process has held, in MB.

    VmHWM starts at zero with a new program. ru_maxrss, used without /proc, survives exec, so it begins with the
    parent's memory at the fork.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    except FileNotFoundError:
        import resource  # only where there is no /proc

        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Replies:
    """The pipe to the parent."""

    def __init__(self, pipe: BufferedWriter, code: CodeFolder) -> None:
        self._pipe = pipe
        self._code = code

    def write(self, head: dict[str, object], value: bytes = b"null") -> None:
        """Write one reply."""
        head["memory_mb"] = peak_memory_mb()
        head["files"] = self._code.take()
        self._pipe.write(json.dumps(head).encode() + b"\n" + value + b"\n")
        self._pipe.flush()

    def stopped(self) -> None:
        """Tell the parent that the code has stopped at a breakpoint."""
        self.write({"status": STOPPED})


def break_on(terminal: int, replies: Replies) -> None:
    """Let breakpoint() open Python's debugger on a terminal, since stdin and stdout are not."""

    def stop() -> None:
        import pdb

        replies.stopped()
        keyboard, screen = os.fdopen(os.dup(terminal), "r"), os.fdopen(os.dup(terminal), "w")
        pdb.Pdb(stdin=keyboard, stdout=screen).set_trace(sys._getframe(1))

    sys.breakpointhook = stop


def wait_for_debugger(port: int, folder: str, adapter: str) -> None:
    """Load debugpy from its folder and wait until a debugger has connected to the port on this machine.

    `adapter` is the Python that debugpy's own process runs on: it needs a newer one than some runtimes are. Exits when
    this one is too old for debugpy.
    """
    if sys.version_info[:2] < DEBUGGABLE:
        sys.exit("debugpy needs Python {}.{} or newer; breakpoint() works on this one too".format(*DEBUGGABLE))
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # otherwise it warns about Python's frozen modules
    sys.path.append(folder)
    import debugpy

    sys.path.remove(folder)
    del os.environ["PYDEVD_DISABLE_FILE_VALIDATION"]
    debugpy.configure(python=adapter)
    debugpy.listen(("127.0.0.1", port))
    debugpy.wait_for_client()
