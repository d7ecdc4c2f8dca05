"""README.md and README.zh-CN.md tell what is so, and the same: what they show is replayed, what they name is there."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

import pytest

from shared import errors
from shared.errors import PARTLY_DONE
from tests.e2e.conftest import LiveCloud
from tests.support.paths import ROOT

FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SAMPLE = re.compile(
    r"^curl (-X POST )?'http://127\.0\.0\.1:9000(/\S+)'\n```\n+```json\n(.*?)\n```$", re.MULTILINE | re.DOTALL
)
REQUEST_ID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
#: Files of this checkout that code names: in a span, or in a command.
FILE = re.compile(r"\b(?:functions|shared|local|deploy|events|tests|benchmarks)/[\w./-]+\.\w+")
SETTING = re.compile(r"[A-Z][A-Z_]+")


class Readme(NamedTuple):
    """One of the two documents: its text, its fenced blocks with their language, and the text without them."""

    text: str
    blocks: list[tuple[str, str]]
    prose: str

    def headings(self) -> list[tuple[str, str]]:
        """The marks (`##`) and the title of each heading."""
        return re.findall(r"^(#+) (.+)$", self.prose, re.MULTILINE)

    def rows(self) -> list[list[str]]:
        """The cells of each line of all tables."""
        lines = re.findall(r"^\|(.*)\|$", self.prose, re.MULTILINE)
        return [[cell.strip() for cell in line.split("|")] for line in lines]

    def links(self) -> list[str]:
        """Where links lead within the checkout."""
        return [link for link in re.findall(r"\]\(([^)]+)\)", self.prose) if "://" not in link]

    def code(self) -> str:
        """All that is set as code, without comments."""
        return "\n".join([*(without_comments(block) for _, block in self.blocks), *spans(self.prose)])


def spans(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def without_comments(block: str) -> str:
    return re.sub(r"\s+# .*$", "", block, flags=re.MULTILINE)


def read(name: str) -> Readme:
    text = (ROOT / name).read_text(encoding="utf-8")
    return Readme(text, [(match[2], match[3]) for match in FENCED.finditer(text)], FENCED.sub("", text))


def slug(title: str) -> str:
    """The anchor that the renderer makes of a title: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


ENGLISH, CHINESE = read("README.md"), read("README.zh-CN.md")
SAMPLES = SAMPLE.findall(ENGLISH.text)
both = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=["English", "Chinese"])


@pytest.mark.parametrize(("post", "path", "shown"), SAMPLES, ids=[path[:40] for _, path, _ in SAMPLES])
def test_a_sample_reply_is_the_function_s_reply(live: LiveCloud, post: str, path: str, shown: str) -> None:
    reply = live.post(path) if post else live.get(path)
    assert REQUEST_ID.sub("<request id>", reply.text) == REQUEST_ID.sub("<request id>", shown)


def test_every_envelope_shown_is_replayed() -> None:
    shown = [block.rstrip("\n") for language, block in ENGLISH.blocks if language == "json" and '"codeDesc"' in block]
    assert shown
    assert shown == [reply for _, _, reply in SAMPLES]


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


def test_both_link_to_the_same_files_and_to_each_other() -> None:
    chinese, english = ([link for link in r.links() if not link.startswith("#")] for r in (CHINESE, ENGLISH))
    translated = {"README.md": "README.zh-CN.md", "docs/deploying.zh-CN.md": "docs/deploying.md"}
    assert [translated.get(link, link) for link in chinese] == english
    assert "README.zh-CN.md" in english


def named_settings() -> set[str]:
    tree = ast.parse((ROOT / "shared/settings.py").read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text for text in texts if SETTING.fullmatch(text)}


@both
def test_the_settings_tables_have_every_setting_and_no_other(readme: Readme) -> None:
    first_cells = [names for row in readme.rows() if (names := spans(row[0])) and SETTING.fullmatch(names[0])]
    # Of names that begin alike, `…KEY` is short for the second.
    told = [name.replace("…", names[0].partition("_")[0] + r"_\w*") for names in first_cells for name in names]
    settings = named_settings()
    assert [setting for setting in sorted(settings) if not any(re.fullmatch(name, setting) for name in told)] == []
    assert [name for name in told if not any(re.fullmatch(name, setting) for setting in settings)] == []


def possible_errors() -> set[tuple[int, int]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.QueryError)]
    return {(kind.code, kind.http_status) for kind in kinds}


@both
def test_the_errors_table_has_every_code_with_its_statuses(readme: Readme) -> None:
    rows = [row for row in readme.rows() if row[0].isdigit() and len(row) == 3]
    told = {(int(code), int(status)) for code, statuses, _ in rows for status in statuses.split(",")}
    assert told == {(0, 200), (PARTLY_DONE, 207), *possible_errors()}
    pairs = {(int(code), int(status)) for code, status in re.findall(r"\b(\d{4})/(\d{3})\b", readme.prose)}
    assert pairs <= told


@both
def test_links_and_names_of_files_lead_somewhere(readme: Readme) -> None:
    anchors = {f"#{slug(title)}" for _, title in readme.headings()}
    gone = [link for link in readme.links() if link not in anchors and not (ROOT / link).is_file()]
    assert gone == []
    assert [name for name in FILE.findall(readme.code()) if not (ROOT / name).is_file()] == []


@both
def test_make_knows_the_targets_named(readme: Readme) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", readme.code()))
    assert named
    assert named <= targets
