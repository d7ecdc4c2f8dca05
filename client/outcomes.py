"""The outcome of one id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.replies.table import Row, blank_row, record_row
from shared.tasks import DELETED, FAILED, MISSING, SUCCEEDED, UNANSWERED, IdForm, Kind

#: The outcome of a row without a valid id, which is not asked about.
INVALID = "invalid"
#: Outcomes that no longer change.
FINAL = frozenset({SUCCEEDED, FAILED, DELETED})


class Outcome(NamedTuple):
    """The outcome of one id: its row of a table, and the API's record, None if there is none.

    The row maps the names of `shared.replies.table.COLUMNS` to texts.
    """

    row: Row
    record: Mapping[str, object] | None = None

    @property
    def vid(self) -> str:
        """The id."""
        return self.row["vid"]

    @property
    def outcome(self) -> str:
        """One word: succeeded, failed, pending, deleted, missing, unanswered or invalid."""
        return self.row["outcome"]


def answered(kind: Kind, vid: str, record: Mapping[str, object]) -> Outcome:
    """Return the outcome for a record."""
    return Outcome(record_row(kind, vid, record), record)


def missing(vid: str) -> Outcome:
    """Return the outcome of an id that the API does not know."""
    return Outcome(blank_row(vid, MISSING))


def unanswered(vid: str, code: str, message: str) -> Outcome:
    """Return the outcome of an id without an answer; code and message say why."""
    return Outcome(blank_row(vid, UNANSWERED, code, message))


def invalid(vid: str, ids: IdForm) -> Outcome:
    """Return the outcome of a text that is not an id."""
    return Outcome(blank_row(vid, INVALID, "", f"not an id ({ids.words})" if vid else "no id"))
