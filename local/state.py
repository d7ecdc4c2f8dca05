"""The state directory: held by one cloud at a time, moved as a file, emptied."""

from __future__ import annotations

import fcntl
import os
import shutil
import zipfile
from pathlib import Path
from typing import IO

LOCK = ".lock"


class StateError(Exception):
    """The state directory can't be used; the message is one line that names LOCAL_STATE."""


class StateLock:
    """The right to a state directory; the system takes it back when the process ends, however that comes about."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the directory, made where needed. Raises StateError when another cloud has it or it can't be written."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            file = (self._directory / LOCK).open("w")
        except OSError as error:
            raise StateError(f"{self._directory} can't be written ({error.strerror}); see LOCAL_STATE") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise StateError(f"{self._directory} is in use by another local cloud; see LOCAL_STATE") from error
        self._file = file

    def release(self) -> None:
        """Let the directory go; nothing happens when it was not taken."""
        if self._file:
            self._file.close()
            self._file = None

    def __enter__(self) -> StateLock:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def export_state(directory: Path, target: Path) -> int:
    """Write what a state directory holds to a zip file; return how many files. Raises StateError, OSError."""
    with StateLock(directory), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        names = [path for path in sorted(directory.rglob("*")) if path.is_file() and path.name != LOCK]
        for path in names:
            info = zipfile.ZipInfo.from_file(path, path.relative_to(directory).as_posix())
            # By its exact time the store knows a file again; the format's own times are too coarse.
            info.comment = str(path.stat().st_mtime_ns).encode()
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return len(names)


def import_state(directory: Path, source: Path) -> int:
    """Replace what a state directory holds by what a zip file does; return how many files.

    Raises StateError, also for a file that `export_state` has not written: nothing is changed then.
    """
    with StateLock(directory):
        incoming = directory / ".importing"
        try:
            with zipfile.ZipFile(source) as archive:
                for info in archive.infolist():
                    # zipfile drops what would lead out of the folder.
                    os.utime(archive.extract(info, incoming), ns=(int(info.comment or b"0"),) * 2)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            shutil.rmtree(incoming, ignore_errors=True)
            raise StateError(f"{source} can't be read as an exported state: {error}") from error
        _empty(directory, incoming)
        count = sum(path.is_file() for path in incoming.rglob("*"))
        for path in incoming.iterdir():
            path.rename(directory / path.name)
        incoming.rmdir()
    return count


def reset_state(directory: Path) -> None:
    """Remove all that a state directory holds. Raises StateError, OSError."""
    with StateLock(directory):
        _empty(directory, None)


def _empty(directory: Path, kept: Path | None) -> None:
    for path in directory.iterdir():
        if path.name != LOCK and path != kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
