""".env is read strictly: a malformed line is refused by number, without its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.dotenv import read_environment
from deploy.errors import DeployError

READ: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("# a comment\n\nA=b\n", {"A": "b"}),
    ("export A=b # why\r\nB = 'c d'\r\n", {"A": "b", "B": "c d"}),
    ("A='$PATH and ${PATH}'\n", {"A": "$PATH and ${PATH}"}),
    ('A="quoted \\" inside"\n', {"A": 'quoted " inside'}),
    ("A=\nB=''\n", {}),
    ("\ufeffA=b", {"A": "b"}),
    ("A=中文", {"A": "中文"}),
]


@pytest.mark.parametrize(("text", "variables"), READ)
def test_variables_that_have_a_value_are_read(tmp_path: Path, text: str, variables: dict[str, str]) -> None:
    path = tmp_path / ".env"
    path.write_bytes(text.encode())
    assert read_environment(path, {}) == variables


def test_the_environment_wins_and_the_file_is_optional(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert read_environment(path, {"A": "shell"}) == {"A": "shell"}
    path.write_text("A=file\nB=file\nC=file\n")
    assert read_environment(path, {"A": "shell", "C": ""}) == {"A": "shell", "B": "file", "C": ""}


REFUSED: list[tuple[bytes, list[str]]] = [
    (b'API_TOKEN="secret\n', [".env: line 1: can't be read: write NAME=value, and close every quote"]),
    (b"A=b\n\n\nAPI_TOKEN='secret\nB=c\n", [".env: line 4: can't be read: write NAME=value, and close every quote"]),
    (b'A="secret\nB=more"\n', [".env: line 1: A holds a line end or another control character: close every quote"]),
    (b"A=b\nAPI_TOKEN secret\n", [".env: line 2: can't be read: write NAME=value, and close every quote"]),
    (b"\nAPI_TOKEN\n", [".env: line 2: API_TOKEN has no '=': write API_TOKEN=value"]),
    (b"A=sec\0ret\n", [".env: line 1: A holds a line end or another control character: close every quote"]),
    (b"A=secret\nA=secret\n", [".env: A is given twice"]),
    (b"A\nB\n", [".env: line 1: A has no '=': write A=value", ".env: line 2: B has no '=': write B=value"]),
    ("A=secret\n".encode("utf-16"), [".env is not UTF-8: save it as UTF-8 text"]),
    (b"A=secret\xff\n", [".env is not UTF-8: save it as UTF-8 text"]),
]


@pytest.mark.parametrize(("content", "problems"), REFUSED)
def test_what_can_not_be_read_is_refused(tmp_path: Path, content: bytes, problems: list[str]) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(DeployError) as refused:
        read_environment(tmp_path / ".env", {})
    assert list(refused.value.problems) == problems
    assert "secret" not in str(refused.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(DeployError, match=r"\.env can't be read: Is a directory"):
        read_environment(tmp_path / ".env", {})
