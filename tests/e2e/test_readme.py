"""README.md and README.zh-CN.md say what is so, and the same: what they show is replayed."""

from __future__ import annotations

import json
import re

import pytest

from shared import errors
from shared.errors import PARTLY_DONE
from shared.tasks import MISSING, UNANSWERED, state
from tests.support.documents import Document, read, spans, without_comments
from tests.support.live import LiveCloud

SAMPLE = re.compile(
    r"^curl (-X POST )?'http://127\.0\.0\.1:9000(/\S+)'\n```\n+```json\n(.*?)\n```$", re.MULTILINE | re.DOTALL
)
REQUEST_ID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
#: The longest that a first reader is asked to read, in words.
MOST_WORDS = 1200
#: The pages that there are in both languages.
TRANSLATED = {"README.md": "README.zh-CN.md", "docs/deploying.zh-CN.md": "docs/deploying.md"}

ENGLISH, CHINESE = read("README.md"), read("README.zh-CN.md")
SAMPLES = SAMPLE.findall(ENGLISH.text)
both = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=["English", "Chinese"])


def shown(document: Document, field: str) -> list[str]:
    """The JSON blocks that have a field."""
    return [block.rstrip("\n") for language, block in document.blocks if language == "json" and f'"{field}"' in block]


def test_it_is_short() -> None:
    assert len(ENGLISH.text.split()) <= MOST_WORDS


@pytest.mark.parametrize(("post", "path", "reply"), SAMPLES, ids=[path[:40] for _, path, _ in SAMPLES])
def test_a_sample_reply_is_the_function_s_reply(live: LiveCloud, post: str, path: str, reply: str) -> None:
    answer = live.post(path) if post else live.get(path)
    assert REQUEST_ID.sub("<request id>", answer.text) == REQUEST_ID.sub("<request id>", reply)


def test_every_envelope_shown_is_replayed() -> None:
    envelopes = shown(ENGLISH, "codeDesc")
    assert envelopes
    assert envelopes == [reply for _, _, reply in SAMPLES]


def test_a_results_object_is_as_shown(live: LiveCloud) -> None:
    (block,) = shown(ENGLISH, "summary")
    results = json.loads(block)
    live.fire("collect-video", {"vids": [*results["tasks"], *results["missing"]], "results": "results/shown.json"})
    stored = live.stored("media-query/results/shown.json")
    records = {vid: {"…": "the record"} for vid in stored["tasks"]}
    kept = {name: value for name, value in {**stored, "tasks": records}.items() if name != "state"}
    assert json.loads(TIME.sub("<time>", json.dumps(kept))) == json.loads(TIME.sub("<time>", block))
    assert shown(read("docs/sweeps.md"), "summary") == [block]


def test_both_have_the_same_headings_and_code() -> None:
    assert [marks for marks, _ in CHINESE.headings()] == [marks for marks, _ in ENGLISH.headings()]
    chinese, english = (
        [(language, without_comments(block)) for language, block in r.blocks] for r in (CHINESE, ENGLISH)
    )
    assert chinese == english


def test_both_have_the_same_tables() -> None:
    """Row by row, the first cell and the others name the same things in code."""
    chinese, english = ([[set(spans(cell)) for cell in row] for row in r.rows()] for r in (CHINESE, ENGLISH))
    assert chinese == english


def test_both_link_to_the_same_pages_and_to_each_other() -> None:
    chinese, english = ([link.partition("#")[0] for link in r.links()] for r in (CHINESE, ENGLISH))
    assert [TRANSLATED.get(link, link) for link in chinese] == english
    assert "README.zh-CN.md" in english


def possible_errors() -> set[tuple[int, int]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.QueryError)]
    return {(kind.code, kind.http_status) for kind in kinds}


@both
def test_the_errors_table_has_every_code_with_its_statuses(readme: Document) -> None:
    (table,) = [table for table in readme.tables() if table[0][:2] == ["code", "HTTP"]]
    listed = {(int(code), int(status)) for code, statuses, _ in table[2:] for status in statuses.split(",")}
    assert listed == {(0, 200), (PARTLY_DONE, 207), *possible_errors()}


@both
def test_the_table_of_outcomes_says_what_the_code_makes_of_each_status(readme: Document) -> None:
    (table,) = [table for table in readme.tables() if table[0][0] == "`status`"]
    by_status = {status: spans(outcome)[0] for status, _, _, outcome in table[2:] if status.isdigit()}
    assert {status: state({"status": int(status)}) for status in "12345"} == by_status
    deleted, *without_record = [spans(row[3])[0] for row in table[2:] if not row[0].isdigit()]
    assert deleted == state({"status": 5, "deleted": "yes"})
    assert without_record == [MISSING, UNANSWERED]
