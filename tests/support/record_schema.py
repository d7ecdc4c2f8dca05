"""The schema of the documents' records: their own examples, field by field."""

from __future__ import annotations

import json
from typing import Any

from shared.tasks import VIDEO, Kind
from tests.support.paths import DOCUMENTS

#: What is never null, whoever answers.
ALWAYS = ("vid", "status", "deleted")


def check_record(kind: Kind, record: Any) -> None:
    """Fail unless a record has just the fields of its document's example, in that order, each null or of its type."""
    data = json.loads((DOCUMENTS / f"{kind.action}.json").read_text("utf-8"))["data"]
    _fit(kind.name, record, data[0] if kind == VIDEO else data)
    assert all(record[field] is not None for field in ALWAYS), record
    json.dumps(record, allow_nan=False)


def _fit(where: str, value: Any, example: Any) -> None:
    if value is None or example is None:
        return
    assert type(value) is type(example), f"{where}: {value!r}, the document has {example!r}"
    if isinstance(example, dict):
        assert list(value) == list(example), where
        for name, inner in example.items():
            _fit(f"{where}.{name}", value[name], inner)
    elif isinstance(example, list):
        for number, inner in enumerate(value):
            _fit(f"{where}[{number}]", inner, example[0])
