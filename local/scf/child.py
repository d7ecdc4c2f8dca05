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
#: Audit events that change files (Python's audit events table). For each file: the position of its path in the
#: arguments, and that of the descriptor of the folder that the path begins in, None if there is none.
CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    **{f"os.{name}": ((0, None),) for name in ("truncate", "setxattr", "removexattr")},
    **{f"os.{name}": ((0, 1),) for name in ("remove", "rmdir")},
    **{f"os.{name}": ((0, 2),) for name in ("mkdir", "chmod")},
    **{f"os.{name}": ((0, 3),) for name in ("chown", "utime")},
    **{f"os.{name}": ((0, 2), (1, 3)) for name in ("rename", "link")},
    "os.symlink": ((1, 2),),
}
#: What HOME names on SCF. It does not exist there, and can't be made: egg-alinode's mkdir of it ended in EROFS, and
#: cos-python-sdk-v5 can't write below it (its pull request 250). Here it could be made, by root.
HOME = "/home/qcloud"


class CodeFolder:
    """An audit hook that makes the code folders and HOME read-only, as on SCF: here they are the user's own files.

    It sees Python's own calls in this process only: a program that the function starts can still write there, and so
    can a library in C, such as SQLite.

    It records time and size of the files that are read: an instance whose files have changed is not used again.
    """

    def __init__(self, folders: list[str]) -> None:
        self.files: dict[str, tuple[int, int]] = {}
        self._folders = tuple(folder + "/" for folder in (*folders, HOME))

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse a change with the error of a read-only file system; record what is read."""
        if event == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                self._refuse(path if isinstance(path, int) else os.path.realpath(path))
            self._read(path)
        elif event in CHANGES:
            for path, folder in CHANGES[event]:
                self._refuse(arguments[path], "" if folder is None else folder_of(arguments[folder]))

    def take(self) -> dict[str, tuple[int, int]]:
        """Return the files read since the last call; without audit hooks (Python 3.7), the imported ones."""
        if not hasattr(sys, "addaudithook"):
            for module in list(sys.modules.values()):
                self._read(getattr(module, "__file__", None) or 0)
        files, self.files = self.files, {}
        return files

    def _refuse(self, path: object, folder: str = "") -> None:
        """Raise OSError for a path in the code folders, by its name or through links; it begins in `folder`."""
        if isinstance(path, int):
            return
        name = os.path.abspath(os.path.join(folder, os.fsdecode(path)))  # type: ignore[arg-type] # what open takes
        above, own = os.path.split(name)
        if any(f"{each}/".startswith(self._folders) for each in (name, os.path.join(os.path.realpath(above), own))):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)

    def _read(self, path: object) -> None:
        """Record a file of the code folders."""
        if isinstance(path, int):
            return
        name = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type] # what open takes beside numbers
        if not name.startswith(self._folders):
            return
        folder, _, file = name.rpartition("/__pycache__/")
        source = f"{folder}/{file.partition('.')[0]}.py" if folder else name
        try:
            status = os.stat(source)
        except OSError:
            return  # a file that does not exist is not read
        self.files[source] = (status.st_mtime_ns, status.st_size)


def folder_of(descriptor: int) -> str:
    """Return the folder of a descriptor: "", the working directory, for -1, the root where the system can't tell."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") if descriptor >= 0 else ""
    except OSError:
        return "/"


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
