"""The state directory: its lock, export, import and reset."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

LOCK, IMPORTING = ".lock", ".importing"
#: The names in a state directory: folders of services, of `run` and `load-test`, and buckets.
_OWN = re.compile(r"\.(lock|headers|incoming|importing|scf)|run|sweep|[a-z0-9][a-z0-9-]*-\d+")


class StateError(Exception):
    """The state directory can't be used; the message is one line that names LOCAL_STATE or the file."""


def locked(directory: Path) -> IO[str]:
    """Lock a state directory, created if needed, until the returned file is closed; the system does so at the latest.

    Raises StateError if another cloud uses it or it can't be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / LOCK).open("w")
    except OSError as error:
        raise StateError(f"{directory} can't be written ({error.strerror}); see LOCAL_STATE") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StateError(f"{directory} is in use by another local cloud; see LOCAL_STATE and --state") from error
    return file


def export_state(directory: Path, target: Path) -> int:
    """Write the content of a state directory to a zip file; return the number of files. Raises StateError, OSError."""
    with locked(directory), _opened(target) as archive:
        # Folders are included: an empty one can be a bucket. What else is neither file nor folder is not the cloud's.
        inside = (path for path in sorted(directory.rglob("*")) if path not in (directory / LOCK, target))
        paths = [path for path in inside if path.is_dir() or path.is_file()]
        for path in paths:
            info = zipfile.ZipInfo.from_file(path, path.relative_to(directory).as_posix())
            # The store recognises a file by its exact time; those of the zip format are too coarse.
            info.comment = str(path.stat().st_mtime_ns).encode()
            archive.writestr(info, b"" if path.is_dir() else path.read_bytes(), zipfile.ZIP_DEFLATED)
    return sum(path.is_file() for path in paths)


def _opened(target: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise StateError(f"{target} can't be written ({error.strerror})") from error


def import_state(directory: Path, source: Path) -> int:
    """Replace the content of a state directory by that of a zip file; return the number of files.

    Raises StateError, also for a file that `export_state` has not written; then nothing is changed.
    """
    with locked(directory):
        incoming = directory / IMPORTING
        try:
            _unpack(source, incoming)
        except (OSError, ValueError, OverflowError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            shutil.rmtree(incoming, ignore_errors=True)
            raise StateError(f"{source} can't be read as an exported state: {error}") from error
        try:
            _empty(directory, incoming)
        except StateError:
            shutil.rmtree(incoming)
            raise
        count = sum(path.is_file() for path in incoming.rglob("*"))
        for path in incoming.iterdir():
            path.rename(directory / path.name)
        incoming.rmdir()
    return count


def _unpack(source: Path, incoming: Path) -> None:
    """Unpack an export into a new folder. Raises OSError, or whatever zipfile does, for any other file."""
    shutil.rmtree(incoming, ignore_errors=True)  # of an import that was killed
    incoming.mkdir()
    with zipfile.ZipFile(source) as archive:
        names = {name.partition("/")[0] for name in archive.namelist()}
        foreign = next(iter(names & {LOCK, IMPORTING}), _foreign(names))
        if foreign is not None:
            raise ValueError(f"it has {foreign or '/'}")
        for info in archive.infolist():
            # zipfile drops names that lead out of the folder.
            os.utime(archive.extract(info, incoming), ns=(int(info.comment or b"0"),) * 2)


def reset_state(directory: Path) -> None:
    """Remove the content of a state directory. Raises StateError, OSError."""
    with locked(directory):
        _empty(directory, None)


def _empty(directory: Path, kept: Path | None) -> None:
    """Remove everything but the lock and `kept`. Raises StateError if the directory has foreign files."""
    if foreign := _foreign(path.name for path in directory.iterdir()):
        raise StateError(
            f"{directory} has {foreign}, which no local cloud has created: nothing is removed; see LOCAL_STATE"
        )
    for path in directory.iterdir():
        if path.name != LOCK and path != kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _foreign(names: Iterable[str]) -> str | None:
    """Return a name that no local cloud creates, None if there is none."""
    return next((name for name in sorted(names) if not _OWN.fullmatch(name)), None)
