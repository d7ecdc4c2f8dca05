"""Pages of Markdown as the tests read them: headings, tables, links, and what is set as code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.support.paths import ROOT

FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


class Document(NamedTuple):
    """A page: where it is, its text, its fenced blocks with their language, and the text without them."""

    path: Path
    text: str
    blocks: list[tuple[str, str]]
    prose: str

    def headings(self) -> list[tuple[str, str]]:
        """The marks (`##`) and the title of each heading."""
        return re.findall(r"^(#+) (.+)$", self.prose, re.MULTILINE)

    def anchors(self) -> set[str]:
        """What a link can name behind `#`: lower case, no punctuation, hyphens for spaces, as the renderer does it."""
        return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for _, title in self.headings()}

    def tables(self) -> list[list[list[str]]]:
        """The tables, each a list of rows of cells; a `|` within code separates none."""
        found = re.findall(r"(?:^\|.*\|$\n?)+", self.prose, re.MULTILINE)
        return [[cells(line) for line in table.splitlines()] for table in found]

    def rows(self) -> list[list[str]]:
        """The rows of all tables."""
        return [row for table in self.tables() for row in table]

    def links(self) -> list[str]:
        """Where links and pictures lead within the checkout."""
        found = [first or second for first, second in LINK.findall(self.prose)]
        return [link for link in found if "://" not in link]

    def code(self) -> str:
        """All that is set as code, without comments."""
        return "\n".join([*(without_comments(block) for _, block in self.blocks), *spans(self.prose)])

    def shell(self) -> str:
        """The commands of all shell blocks."""
        return "\n".join(block for language, block in self.blocks if language == "sh")


def cells(line: str) -> list[str]:
    """The cells of a table's line."""
    hidden = re.sub(r"`[^`]*`", lambda span: span[0].replace("|", "\0"), line.strip("|"))
    return [cell.strip().replace("\0", "|") for cell in hidden.split("|")]


def spans(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def without_comments(block: str) -> str:
    """A shell block without what stands behind `#`."""
    return re.sub(r"\s+# .*$", "", block, flags=re.MULTILINE)


def read(name: str) -> Document:
    """The page of that name, from the root of the checkout."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = [(match[2], match[3]) for match in FENCED.finditer(text)]
    return Document(ROOT / name, text, blocks, FENCED.sub("", text))
