"""Writes the rows: to standard output as they come, or to a file that a later run can continue."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from client.errors import ClientError
from client.forms import OURS, Form
from client.sheet import Sheet
from shared.replies.table import Row
from shared.tasks import PENDING

#: The least seconds between two writes of a file, and ten times the duration of the last: large files are written less
#: often.
SHORTEST_PAUSE, TIMES_A_WRITE = 0.1, 10

Known = Mapping[str, Row]


class Output:
    """Takes rows; its subclasses write them. `known` has all that have come, by id."""

    def __init__(self, sheet: Sheet) -> None:
        self.known: dict[str, Row] = {}
        self._sheet = sheet

    def start(self) -> None:
        """Start taking rows; only a file has something to do for it."""

    def add(self, rows: Known) -> None:
        """Take rows; a later row of an id replaces an earlier one."""
        self.known |= rows

    def close(self) -> None:
        """Write the remaining rows."""

    def known_rows(self) -> Iterator[tuple[list[str], Row]]:
        """Yield the known rows in the input's order: the input's own cells, and ours."""
        for vid, own in zip(self._sheet.vids(), self._sheet.rows, strict=True):
            if vid in self.known:
                yield own, self.known[vid]


class Stream(Output):
    """Writes rows to standard output in the input's order, each as soon as it and those before it are known.

    With `waits`, pending tasks do not count as known: they will be asked about again.
    """

    def __init__(self, stream: BinaryIO, form: Form, sheet: Sheet, *, waits: bool = False) -> None:
        super().__init__(sheet)
        self._stream = stream
        self._form = form
        self._columns = [*sheet.columns, *OURS]
        self._left = deque(zip(sheet.vids(), sheet.rows, strict=True))
        self._waits = waits
        self._head = form.head(self._columns)

    def add(self, rows: Known) -> None:
        """Write the rows that are next in order."""
        super().add(rows)
        while self._left and self._is_settled(self._left[0][0]):
            self._write(*self._left[0])
            self._left.popleft()
        self._stream.flush()

    def close(self) -> None:
        """Write all other known rows."""
        for vid, own in self._left:
            if vid in self.known:
                self._write(vid, own)
        self._stream.flush()

    def _is_settled(self, vid: str) -> bool:
        return vid in self.known and not (self._waits and self.known[vid]["outcome"] == PENDING)

    def _write(self, vid: str, own: Sequence[str]) -> None:
        """Write one row in one piece, so that Ctrl-C does not cut it."""
        line = self._form.line(self._columns, own, self.known[vid])
        self._stream.write((self._head + line).encode())
        self._head = ""


class File(Output):
    """Writes rows to a file that always holds whole rows: a thread replaces it while rows come.

    If the command is killed, the file has all but the last moment's rows, and the next run continues from there.
    """

    def __init__(self, path: Path, form: Form, sheet: Sheet) -> None:
        """Read the rows of an existing file. Raises ClientError for a foreign file or a missing folder."""
        super().__init__(sheet)
        self._path = path.resolve()
        if not self._path.parent.is_dir():
            raise ClientError(f"--out: there is no folder {self._path.parent}")
        self._form = form
        self._columns = [*sheet.columns, *OURS]
        self._head = form.head(self._columns)
        self.known = self._read()
        self._news = False
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Write the known rows, so that an unwritable file is noticed before the first request."""
        self._save()
        self._thread.start()

    def add(self, rows: Known) -> None:
        """Take rows to be written soon. Raises the OSError of a failed write."""
        if self._failure:
            raise self._failure
        with self._lock:
            super().add(rows)
            self._news = True

    def close(self) -> None:
        """Write the file. Raises OSError."""
        self._closing.set()
        self._thread.join()
        self._save()

    def _read(self) -> dict[str, Row]:
        if not self._path.exists():
            return {}
        if not self._path.is_file():
            raise ClientError(f"--out: {self._path} is not a file")
        cells = self._form.read(self._path.name, self._path.read_bytes(), self._columns)
        at, width = self._sheet.id_at, len(OURS)
        known = {row[at].strip(): dict(zip(OURS, row[-width:], strict=True)) for row in cells}
        if strange := known.keys() - set(self._sheet.vids()):
            raise ClientError(f"--out: {self._path.name} has rows that the input does not have, like {min(strange)!r}")
        return {vid: {"vid": vid, **row} for vid, row in known.items()}

    def _keep(self) -> None:
        """Write new rows, in a thread; less often if writing takes long."""
        pause = SHORTEST_PAUSE
        while not self._closing.wait(pause):
            start = time.monotonic()
            try:
                if self._news:
                    self._save()
            except OSError as error:
                self._failure = error
                return
            pause = max(SHORTEST_PAUSE, TIMES_A_WRITE * (time.monotonic() - start))

    def _save(self) -> None:
        with self._lock:
            self._news = False
            lines = [self._form.line(self._columns, own, row) for own, row in self.known_rows()]
        part = self._path.with_name(f"{self._path.name}.part")
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines([self._head, *lines])
            file.flush()
            os.fsync(file.fileno())
        if self._path.exists():
            shutil.copymode(self._path, part)
        part.replace(self._path)
