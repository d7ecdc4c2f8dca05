from __future__ import annotations

import pytest

from local.scf import instance
from local.scf.instance import Output


def feed(output: Output, text: bytes, size: int) -> None:
    """Give the output to the pipe in pieces of a size."""
    for start in range(0, len(text), size):
        output.data_received(text[start : start + size])


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("", []),
        ("a\nb\n", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("a\n\n", ["a", ""]),
        ("\n\n\na", ["", "", "", "a"]),
        ("\n", [""]),
        ("片段 mark\n", ["片段 mark"]),
    ],
)
def test_lines_up_to_the_marker(printed: str, lines: list[str], size: int) -> None:
    output, taken = Output(), list[str]()
    output.begin("mark", taken.append)
    feed(output, f"{printed}\nmark\n".encode(), size)
    assert output.complete.is_set()
    assert taken == lines


def test_a_line_is_logged_as_soon_as_it_is_complete() -> None:
    output, taken = Output(), list[str]()
    output.begin("mark", taken.append)
    output.data_received(b"one\ntwo")
    assert taken == ["one"]
    assert not output.complete.is_set()


@pytest.mark.parametrize(("printed", "lines"), [(b"a\nb", ["a", "b"]), (b"a\n\n", ["a", ""]), (b"a\n", ["a"])])
def test_end_of_the_pipe_completes_the_output(printed: bytes, lines: list[str]) -> None:
    output, taken = Output(), list[str]()
    output.begin("mark", taken.append)
    output.data_received(printed)
    output.connection_lost(None)
    assert taken == lines
    assert output.complete.is_set()


def test_lines_between_two_events_wait_for_the_next() -> None:
    output, first, second = Output(), list[str](), list[str]()
    output.begin("one", first.append)
    output.data_received(b"a\n\none\nlate\nlater\n")
    output.begin("two", second.append)
    assert not output.complete.is_set(), "of the event that began now"
    output.data_received(b"b\n\none\n\ntwo\n")
    assert first == ["a"]
    assert second == ["late", "later", "b", "", "one"]


def test_only_the_last_lines_between_two_events_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "IDLE_LINES", 2)
    output, taken = Output(), list[str]()
    output.data_received(b"1\n2\n3\n")
    output.begin("mark", taken.append)
    assert taken == ["2", "3"]


def test_output_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "MAX_OUTPUT", 3 * (instance.PER_LINE + 4))
    monkeypatch.setattr(instance, "MAX_LINE", 3)
    output, taken, next_taken = Output(), list[str](), list[str]()
    output.begin("one", taken.append)
    feed(output, b"abcdefgh" + b"ij" * 1000 + b"\n\none\n", 4)
    assert output.complete.is_set()
    assert taken == ["abcd", "efgh", "… the local cloud keeps no more of this output"]
    output.begin("two", next_taken.append)
    feed(output, b"a\n\ntwo\n", 4)
    assert next_taken == ["a"]
