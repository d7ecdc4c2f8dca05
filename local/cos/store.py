"""Stores the objects of one bucket as plain files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from uuid import uuid4

from fastcrc import crc64

from local import keys

#: The longest piece of a file name, in characters: with its mark it is below 255 bytes, the limit of common file
#: systems.
_PIECE = 240
#: Marks that quote() never yields: after a piece of a longer name; after the name of a folder that has a dot, or of a
#: file that has none, so that a folder and an object can't collide; instead of an empty name.
_MORE, _ODD, _EMPTY = "=", "+", "%"
_INCOMING = ".incoming"


class StoredObject(NamedTuple):
    """One object: `size` in bytes, `modified` in Unix seconds, `etag` the hex MD5 without quotes.

    `body` is the content from `get`, and empty from `head` and `put`.
    """

    key: str
    size: int
    modified: int
    etag: str
    crc64: int
    headers: Mapping[str, str]
    body: bytes = b""


class Page(NamedTuple):
    """One page of a list, in UTF-8 byte order; `next_marker` is empty on the last page."""

    keys: tuple[str, ...]
    prefixes: tuple[str, ...]
    next_marker: str


def remove_unfinished(directory: Path) -> None:
    """Remove what a cloud that was killed was writing below a state directory. Nothing else may use it."""
    shutil.rmtree(directory / _INCOMING, ignore_errors=True)


class CosStore:
    """The objects of one bucket below `directory`.

    `<directory>/<bucket>/` holds the contents, one file for each object. `.headers` beside it holds a JSON sidecar for
    each, `.incoming` what is being written; bucket names have no dots, so neither is a bucket. A sidecar names the time
    and size of the file that it describes, so content that was changed by hand never gets a stale ETag. `clock` gives
    Unix time in nanoseconds. Methods can be called from several threads. They raise OSError if the disk fails.
    """

    def __init__(self, directory: Path, bucket: str = keys.BUCKET, clock: Callable[[], int] = time.time_ns) -> None:
        self._objects = directory / bucket
        self._sidecars = directory / ".headers" / bucket
        self._incoming = directory / _INCOMING
        self._clock = clock
        self._lock = Lock()
        self._make_folders()

    def clear(self) -> None:
        """Remove every object, and nothing else in the directory."""
        for folder in (self._objects, self._sidecars, self._incoming):
            shutil.rmtree(folder)
        self._make_folders()

    def _make_folders(self) -> None:
        for folder in (self._objects, self._sidecars, self._incoming):
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, body: bytes, headers: Mapping[str, str], *, replace: bool = True) -> StoredObject:
        """Store an object atomically: a reader sees the whole old object or the whole new one.

        `get` returns `headers` again. Raises FileExistsError if the key exists and `replace` is false, ValueError if
        the key is empty. After any failure the old object is still there.
        """
        target, sidecar = self.path(key), self._sidecars / _file_name(key)
        with self._temporary(body) as content, self._lock:
            for path in (target, sidecar):
                path.parent.mkdir(parents=True, exist_ok=True)
            if not replace and target.exists():
                raise FileExistsError(f"{key!r} exists")
            # Our own time stamp is finer than the kernel's tick: two objects of the same size never look the same.
            os.utime(content, ns=(self._clock(),) * 2)
            status = content.stat()
            record = _record(body, headers)
            # The sidecar is written first and also still describes the old object, so it is right whether or not the
            # second step succeeds.
            records = {**self._current_record(key), _identity(status): record}
            with self._temporary(json.dumps(records).encode()) as description:
                description.replace(sidecar)
            content.replace(target)
        return _stored(key, status, record)

    def get(self, key: str) -> StoredObject:
        """Return an object with its content. Raises KeyError if it does not exist."""
        with self._found(key), self._lock:
            file = self.path(key).open("rb")
            records = self._records(key)
        with file:
            body, status = file.read(), os.fstat(file.fileno())
        # Changed by hand: nothing is cached, since a second change can fall into the same tick of the clock.
        record = records.get(_identity(status)) or _record(body, {})
        return _stored(key, status, record)._replace(body=body)

    def head(self, key: str) -> StoredObject:
        """Return an object without its content. Raises KeyError as `get` does."""
        with self._found(key), self._lock:
            status = self.path(key).stat()
            record = self._records(key).get(_identity(status))
        return _stored(key, status, record) if record else self.get(key)._replace(body=b"")

    def delete(self, key: str) -> None:
        """Remove an object, if it exists."""
        with self._lock:
            for root in (self._objects, self._sidecars):
                path = root / _file_name(key)
                path.unlink(missing_ok=True)
                _remove_empty(path.parent, root)

    def list(self, prefix: str = "", delimiter: str = "", marker: str = "", max_keys: int = 1000) -> Page:
        """Return the keys that begin with `prefix` and come after `marker`, at most `max_keys` (1 or more) entries.

        With a `delimiter`, keys that share their text up to the first one after the prefix are one entry, a common
        prefix (GET Bucket, 436/7734).
        """
        # No page says what happens to a common prefix that the marker lies in. Here an entry is listed if it sorts
        # after the marker, so that a page that ends with a common prefix does not repeat on the next.
        entries = {_entry(key, prefix, delimiter) for key in self._keys(prefix) if key.startswith(prefix)}
        after = sorted((entry for entry in entries if entry[0].encode() > marker.encode()), key=_utf8)
        page = after[:max_keys]
        return Page(
            tuple(name for name, is_prefix in page if not is_prefix),
            tuple(name for name, is_prefix in page if is_prefix),
            page[-1][0] if len(after) > len(page) else "",
        )

    def path(self, key: str) -> Path:
        """Return the file that holds the content of an object. Raises ValueError if the key is empty."""
        return self._objects / _file_name(key)

    def _keys(self, prefix: str) -> Iterator[str]:
        """Yield the key of every object in the folder of a prefix, and below it.

        Files with names that `put` does not produce are skipped.
        """
        *folders, _ = prefix.split("/")
        top = self._objects.joinpath(*(part for name in folders for part in _parts(name, is_folder=True)))
        for folder, _, names in os.walk(top):
            for name in names:
                path = (Path(folder) / name).relative_to(self._objects)
                if str(path).isascii() and path == _file_name(key := _key(path)):
                    yield key

    def _records(self, key: str) -> dict[str, Any]:
        """Return the records of a sidecar, by the identity of the file that each describes."""
        try:
            records: dict[str, Any] = json.loads((self._sidecars / _file_name(key)).read_bytes())
        except (FileNotFoundError, ValueError):
            # Edited by hand, or cut short by a crash: the content has all that is needed.
            return {}
        return records

    def _current_record(self, key: str) -> dict[str, Any]:
        """Return the sidecar's record of the current content only."""
        try:
            identity = _identity(self.path(key).stat())
        except FileNotFoundError:
            return {}
        return {known: record for known, record in self._records(key).items() if known == identity}

    @contextmanager
    def _found(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise KeyError(key) from error

    @contextmanager
    def _temporary(self, content: bytes) -> Iterator[Path]:
        """Yield a temporary file with this content on the objects' disk; remove it afterwards unless it was moved."""
        path = self._incoming / uuid4().hex
        try:
            path.write_bytes(content)
            yield path
        finally:
            path.unlink(missing_ok=True)


def _file_name(key: str) -> Path:
    """Return the relative path of a key: a folder for each slash, with quoted names, so no key leaves the directory."""
    if not key:
        raise ValueError("an object needs a key")
    *folders, last = key.split("/")
    parts = [part for folder in folders for part in _parts(folder, is_folder=True)]
    return Path(*parts, *_parts(last, is_folder=False))


def _parts(name: str, *, is_folder: bool) -> list[str]:
    """Return the file name for one name between slashes, in pieces if it is long; none is `.` or `..`."""
    quoted = quote(name, safe="") or _EMPTY
    quoted = f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
    *pieces, last = (quoted[start : start + _PIECE] for start in range(0, len(quoted), _PIECE))
    last = f"%2E{last[1:]}" if last.startswith(".") else last
    return [*(piece + _MORE for piece in pieces), last + _ODD if ("." in last) is is_folder else last]


def _key(path: Path) -> str:
    """Return the key of a relative path made by `_file_name`."""
    joined = "/".join(part if part.endswith(_MORE) else part.removesuffix(_ODD) for part in path.parts)
    names = joined.replace(f"{_MORE}/", "").split("/")
    return "/".join("" if name == _EMPTY else unquote(name) for name in names)


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, up to `root`, as long as they are empty."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # not empty, or already gone
            return
        folder = folder.parent


def _entry(key: str, prefix: str, delimiter: str) -> tuple[str, bool]:
    """Return the entry of a key in a list: the key itself, or its common prefix and True."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return (key, False) if end < 0 else (key[: end + len(delimiter)], True)


def _utf8(entry: tuple[str, bool]) -> tuple[bytes, bool]:
    return entry[0].encode(), entry[1]


def _identity(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}"


def _stored(key: str, status: os.stat_result, record: Mapping[str, Any]) -> StoredObject:
    modified = status.st_mtime_ns // 10**9
    return StoredObject(key, status.st_size, modified, record["etag"], record["crc64"], record["headers"])


def _record(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the sidecar's record of a content; CRC64 is the reflected ECMA one (cos-python-sdk-v5, `mkCrcFun`)."""
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return {"etag": etag, "crc64": crc64.xz(body), "headers": dict(headers)}
