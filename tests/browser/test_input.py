"""What people put in: files chosen and dropped, tables with and without a column of ids, from the keyboard alone."""

from __future__ import annotations

import threading
import wave
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser.window import Window
from tests.support.live import LiveCloud
from tests.support.tasks import vid, video

A, B = vid(1), vid(2)


@pytest.fixture(autouse=True)
def _two_tasks(live: LiveCloud) -> None:
    live.media("tasks", json=[video(1), video(2, status=3, result=None)])


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\r\n{B}\r\n".encode(),
        f"\ufeff{A}, {B}".encode(),
        f"VID\n{A}\n{B}".encode(),
        f'title,vid\r\n"a, ""quoted""\r\nline",{A}\r\nplain,{B}\r\n'.encode(),
        f"名称;vid\r\n片头;{A}\r\n片尾;{B}\r\n".encode("gb18030"),
        f"title\tvid\r\n片头\t{A}\r\n片尾\t{B}\r\n".encode("utf-16"),
        f"opening,{A},1\r\nending,{B},2\r\n".encode(),
        f"{A},{B}\n".encode(),
        f"task id\n{A}\n{B}\n".encode(),
    ],
    ids=["lines", "commas", "a head", "quoted", "gb18030", "utf-16", "no head", "one line", "another head"],
)
def test_a_file_is_read_as_it_was_saved(window: Window, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "<b>ids.csv"
    path.write_bytes(content)
    window.open()
    window.element("file").send_keys(str(path))
    window.done()
    assert window.column(1) == [A, B]
    assert window.column(2) == ["Succeeded", "Pending"]
    assert window.text("origin") == "from <b>ids.csv"


def test_a_dropped_table_without_the_column_asks_which(window: Window) -> None:
    window.open()
    window.drop("clips.csv", f"title,task,<i>\r\nopening,{A[:-1]}x,\r\nending,{B[:-1]}x,\r\nlost,,\r\n")
    window.until(lambda: window.element("column").is_displayed())
    assert window.text("column-title") == "clips.csv has no column vid. Which one has the ids?"
    choice = Select(window.element("columns"))
    assert [option.text for option in choice.options] == ["title", "task", "<i>"]
    choice.select_by_visible_text("task")
    window.all("#column button")[0].click()
    window.done()
    assert [row[1:4] for row in window.rows()] == [
        [f"{A[:-1]}x", "Missing", "The API has no such id."],
        [f"{B[:-1]}x", "Missing", "The API has no such id."],
        ["—", "Invalid", "No id in this row"],
    ]


def test_the_words_of_a_chinese_spreadsheet_are_read(window: Window, tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(f"名称,任务\r\n片头,{A[:-1]}x\r\n".encode("gb18030"))
    window.open()
    window.element("file").send_keys(str(path))
    window.until(lambda: window.element("column").is_displayed())
    assert [option.text for option in Select(window.element("columns")).options] == ["名称", "任务"]


def test_a_table_is_not_asked_about_when_no_column_is_chosen(window: Window, live: LiveCloud) -> None:
    before = live.media("calls").get("GetVpResult", 0)
    window.open()
    window.drop("clips.csv", "title,task\r\nopening,1\r\n")
    window.until(lambda: window.element("column").is_displayed())
    window.type(Keys.ESCAPE)
    window.until(lambda: not window.element("column").is_displayed())
    assert window.element("question").is_displayed()
    assert live.media("calls").get("GetVpResult", 0) == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("ids.xlsx", "PK\x03\x04\x14\x00\x06", "ids.xlsx is not a text file. Save the table as CSV first."),
        ("empty.csv", " \r\n", "There is no id in it."),
        ("large.csv", "a\n" * 50_001, "A page takes 50,000 rows, and these are 50,001."),
    ],
)
def test_invalid_input_is_explained(window: Window, name: str, content: str, words: str) -> None:
    window.open()
    window.drop(name, content)
    window.until(lambda: window.text("message").startswith(words))
    assert window.element("question").is_displayed()


def test_a_downloaded_table_can_be_pasted_again(window: Window) -> None:
    window.open()
    window.ask(A, "-starts-with-a-dash", "=1+1")
    window.done()
    content, rows = window.download()
    assert [row["vid"] for row in rows] == [A, "'-starts-with-a-dash", "'=1+1"]
    window.press("new")
    window.drop("again.csv", content.decode())
    window.until(lambda: window.text("origin") == "from again.csv")
    window.done()
    assert window.column(1) == [A, "-starts-with-a-dash", "=1+1"]
    assert window.column(2) == ["Succeeded", "Missing", "Invalid"]


def test_the_keyboard_alone_is_enough(window: Window) -> None:
    window.open()
    focus = window.driver.switch_to
    window.type(Keys.TAB, Keys.TAB, f"{A}\n{B}\nc")
    window.driver.switch_to.active_element.send_keys(Keys.TAB)
    window.type(Keys.ENTER)
    window.done()
    assert focus.active_element.get_attribute("id") == "count"
    window.element("search").send_keys(Keys.SHIFT, Keys.TAB)
    assert focus.active_element.get_attribute("value") == "all"
    window.type(Keys.ARROW_RIGHT)
    window.until(lambda: window.column(1) == [A])
    window.element("sheet").send_keys(Keys.TAB * 8)
    assert focus.active_element.text == A
    window.type(Keys.ENTER)
    assert focus.active_element.find_element(By.XPATH, "ancestor-or-self::dialog").get_attribute("id") == "detail"
    window.type(Keys.ESCAPE)
    window.until(lambda: not window.element("detail").is_displayed())
    assert focus.active_element.text == A


def test_everything_that_can_be_used_has_a_name_and_a_role(window: Window) -> None:
    def shown() -> dict[str, str]:
        controls = window.all("button, input, textarea, summary, a, table, [role=region], [role=progressbar]")
        return {control.accessible_name: control.aria_role for control in controls if control.is_displayed()}

    window.open()
    assert "" not in shown()
    assert shown()["Task ids"] == "textbox"
    window.ask(A, B)
    window.done()
    named = shown()
    assert "" not in named
    assert named["What became of each task"] == "table"
    assert named["Outcome"] == "button"
    assert named["Play " + A] == "button"
    assert named["Open file 1 mp4"] == "link"
    assert window.all("#live")[0].get_attribute("textContent") == "Done. Succeeded: 1, Pending: 1"
    assert window.element("bar").get_attribute("aria-valuenow") == "2"


@pytest.fixture
def media_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a tenth of a second of silence."""
    with wave.open(str(tmp_path / "silence.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 800, "NONE", ""))
        file.writeframes(bytes([128]) * 800)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/silence.wav"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_result_is_played(window: Window, live: LiveCloud, media_url: str) -> None:
    live.media("tasks", json=[video(3, result=["ftp://x/y.mp4", {"url": media_url}])])
    window.open()
    window.ask(vid(3))
    window.done()
    assert window.rows()[0][6] == "▶ftp://x/y.mp4 Open file 2 wav"
    window.all(".play")[0].click()
    player = window.all("#detail audio")[0]
    window.until(lambda: player.get_property("ended"))
    window.all("#detail button")[0].click()
    window.until(lambda: not window.all("#detail audio"))
