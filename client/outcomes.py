"""What became of one id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.replies.table import Row, blank_row, record_row
from shared.tasks import DELETED, FAILED, MISSING, SUCCEEDED, UNANSWERED, IdForm, Kind

#: The outcome of a row that is no id: it was not asked about.
INVALID = "invalid"
#: Outcomes that will not change any more.
FINAL = frozenset({SUCCEEDED, FAILED, DELETED})


class Outcome(NamedTuple):
    """What became of one id: its row of a table, and the record as the API sent it, None where there is none.

    The row's cells are texts, by the names of `shared.replies.table.COLUMNS`.
    """

    row: Row
    record: Mapping[str, object] | None = None

    @property
    def vid(self) -> str:
        """The id that was asked."""
        return self.row["vid"]

    @property
    def outcome(self) -> str:
        """The word: succeeded, failed, pending, deleted, missing, unanswered or invalid."""
        return self.row["outcome"]


def answered(kind: Kind, vid: str, record: Mapping[str, object]) -> Outcome:
    """The outcome that a record tells."""
    return Outcome(record_row(kind, vid, record), record)


def missing(vid: str) -> Outcome:
    """The outcome of an id that the API does not know."""
    return Outcome(blank_row(vid, MISSING))


def unanswered(vid: str, code: str, message: str) -> Outcome:
    """The outcome of an id about which no answer came, and why: the envelope's code and message."""
    return Outcome(blank_row(vid, UNANSWERED, code, message))


def invalid(vid: str, ids: IdForm) -> Outcome:
    """The outcome of a text that is no id."""
    return Outcome(blank_row(vid, INVALID, "", f"not an id ({ids.words})" if vid else "no id"))
