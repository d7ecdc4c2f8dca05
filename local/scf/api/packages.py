"""The code of deployed functions: zip packages and their content, by the SHA-256 of the package."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import zipfile
import zlib
from collections.abc import Container
from pathlib import Path, PurePosixPath

from local.scf.api.parameters import ApiError

MB = 1024 * 1024
#: The largest package of CreateFunction and of UpdateFunctionCode (models.py, Code and UpdateFunctionCodeRequest), and
#: the most bytes unpacked (quota limits, 583/11637).
MAX_CREATED, MAX_UPDATED, MAX_UNPACKED = 50 * MB, 20 * MB, 500 * MB


class Packages:
    """The packages below `folder`: `<sha256>.zip` as uploaded, and `<sha256>/` unpacked, read-only.

    Packages that are not `wanted` are removed.
    """

    def __init__(self, folder: Path, wanted: Container[str]) -> None:
        self._folder = folder
        for path in folder.glob("*"):
            if path.stem not in wanted or path.suffix == ".new":
                _remove(path)

    def add(self, text: str, most: int) -> tuple[str, int]:
        """Store a package, given in Base64; return its SHA-256 and its size in bytes.

        Raises ApiError if it is not a zip, or larger than `most` bytes.
        """
        archive = _decoded(text, most)
        digest = hashlib.sha256(archive).hexdigest()
        if not self.path(digest).exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f"{digest}.new"
            _remove(unfinished)
            _unpack(archive, unfinished)
            self._zip(digest).write_bytes(archive)
            unfinished.rename(self.path(digest))
        return digest, len(archive)

    def path(self, digest: str) -> Path:
        """Return the folder of an unpacked package."""
        return self._folder / digest

    def archive(self, digest: str) -> bytes:
        """Return a package as uploaded. Raises OSError if it does not exist."""
        return self._zip(digest).read_bytes()

    def entry(self, digest: str, handler: str) -> Path:
        """Return the path of a handler's entry file."""
        return self.path(digest) / f"{handler.partition('.')[0]}.py"

    def _zip(self, digest: str) -> Path:
        return self._folder / f"{digest}.zip"


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _decoded(text: str, most: int) -> bytes:
    try:
        archive = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ApiError("InvalidParameterValue.ZipFileBase64BinasciiError", f"ZipFile is not Base64: {error}") from error
    if len(archive) > most:
        # No code is documented for this; the one here is for a parameter that is too long.
        raise ApiError("InvalidParameterValue.LimitExceeded", f"the package can have {most // MB} MB")
    return archive


def _unpack(archive: bytes, folder: Path) -> None:
    """Unpack a zip into a new folder, its files read-only. Raises ApiError."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as package:
            if sum(member.file_size for member in package.infolist()) > MAX_UNPACKED:
                raise ApiError("InvalidParameterValue.LimitExceeded", f"unpacked it can have {MAX_UNPACKED // MB} MB")
            if any(".." in PurePosixPath(name).parts or name.startswith("/") for name in package.namelist()):
                raise ApiError("InvalidParameterValue.ZipFile", "the package has a file outside its root")
            folder.mkdir()
            package.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise ApiError("InvalidParameterValue.ZipFile", f"the package is not a readable zip: {error}") from error
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o555)
