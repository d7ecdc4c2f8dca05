"""The page over the local cloud: lists in, tables out."""

from __future__ import annotations

import pytest

from shared.replies.table import COLUMNS
from tests.browser.window import Window
from tests.support.live import LiveCloud
from tests.support.tasks import audio, vid, video

RESULT = "http://test-1253125191.cossh.myqcloud.com/xfd/same.mp4.0-5-100-300.mp4"
FAILED = {"status": 4, "error_code": 122, "error_msg": "the source file can not be decoded", "result": None}


#: Keeps the text of the progress, each time that it changes.
WATCH = """
window.seen = [];
new MutationObserver(() => seen.push(count.textContent)).observe(count, {childList: true});
"""


@pytest.fixture
def thousand(live: LiveCloud) -> list[str]:
    """Of 1,000 ids: 500 succeeded, 200 failed, 100 pending, 100 deleted, 98 missing, one twice and one no id."""
    live.media("tasks", json=[video(number) for number in range(500)])
    live.media("tasks", json=[video(number, **FAILED) for number in range(500, 700)])
    live.media("tasks", json=[video(number, status=3, finish_time=None, result=None) for number in range(700, 800)])
    live.media("tasks", json=[video(number, deleted="yes") for number in range(800, 900)])
    return [*(vid(number) for number in range(998)), vid(0), "no-id!"]


OUTCOMES = {"Succeeded": "501", "Failed": "200", "Pending": "100", "Deleted": "100", "Missing": "98", "Invalid": "1"}


def test_a_thousand_ids_in_the_order_given(window: Window, thousand: list[str]) -> None:
    window.open()
    window.ask(*thousand)
    window.done()
    assert window.text("count") == "1,000 ids"
    assert window.counts() == {"All": "1,000", **OUTCOMES}
    shown = window.column(1)
    while window.element("after").is_enabled():
        window.press("after")
        shown += window.column(1)
    assert shown == thousand
    assert window.text("range") == "801\u20131,000 of 1,000"
    assert [row[2:4] for row in window.rows()[-2:]] == [
        ["Succeeded", "took 27 sec"],
        ["Invalid", "Not an id: letters, digits, _ and -, up to 64"],
    ]


def test_every_outcome_has_a_word_and_its_details(window: Window, thousand: list[str]) -> None:
    window.open()
    window.ask(*(thousand[number] for number in (499, 599, 799, 899, 997, 999)))
    window.done()
    times = ["2018-07-03 14:56:36", "2018-07-03 14:57:03"]
    assert [row[2:] for row in window.rows()] == [
        ["Succeeded", "took 27 sec", *times, "▶ Open file 1 mp4"],
        ["Failed", "122 · the source file can not be decoded", *times, ""],
        ["Pending", "in progress", times[0], "", ""],
        ["Deleted", "The API marks the task as deleted, whatever its status.", *times, "▶ Open file 1 mp4"],
        ["Missing", "The API has no such id.", "", "", ""],
        ["Invalid", "Not an id: letters, digits, _ and -, up to 64", "", "", ""],
    ]


def test_rows_are_filtered_searched_and_sorted(window: Window, thousand: list[str]) -> None:
    window.open()
    window.ask(*thousand)
    window.done()
    window.choose("failed")
    window.until(lambda: set(window.column(2)) == {"Failed"})
    assert window.text("save") == "Download CSV (200)"
    window.search(f"{vid(555)} decoded")
    window.until(lambda: window.column(1) == [vid(555)])
    window.search("nowhere")
    window.until(lambda: window.element("nothing").is_displayed())
    window.search(" ")
    window.choose("all")
    for order, first in [("ascending", vid(0)), ("descending", "no-id!"), ("none", vid(0))]:
        window.all("#head .id button")[0].click()
        window.until(lambda: window.all(f"#head .id[aria-sort={order}]"))  # noqa: B023 - waited for at once
        assert window.column(1)[0] == first
    assert window.all("#head .number")[0].get_attribute("aria-sort") == "ascending"


def test_empty_cells_come_last_in_either_order(window: Window, thousand: list[str]) -> None:
    window.open()
    window.ask(thousand[799], thousand[0], thousand[997])
    window.done()
    assert window.column(5)[0] == ""
    for order in ("ascending", "descending"):
        window.all("#head .finished button")[0].click()
        window.until(lambda: window.all(f"#head .finished[aria-sort={order}]"))  # noqa: B023 - waited for at once
        assert [bool(time) for time in window.column(5)] == [True, False, False]


def test_a_row_keeps_the_focus_when_it_moves(window: Window, live: LiveCloud, thousand: list[str]) -> None:
    window.open()
    window.ask(thousand[500], thousand[700])
    window.done()
    window.all("#head .outcome button")[0].click()
    window.until(lambda: window.column(2) == ["Failed", "Pending"])
    live.media("tasks", json=[video(700)])
    window.driver.execute_script("arguments[0].focus(); again.click()", window.all("tbody .vid")[1])
    window.done()
    assert window.column(2) == ["Succeeded", "Failed"]
    assert window.driver.switch_to.active_element.text == vid(700)


def test_the_table_fills_as_answers_come(window: Window, live: LiveCloud, thousand: list[str]) -> None:
    live.media("faults", json=[{"kind": "delay", "value": 1, "times": 1}])
    window.open()
    window.driver.execute_script(WATCH)
    window.ask(*thousand[:300])
    window.done()
    seen = window.driver.execute_script("return seen")
    assert {int(text.split()[0]) for text in seen if text.endswith("of 300 answered")} & {100, 200}


def test_asking_can_be_stopped_and_continued(window: Window, live: LiveCloud, thousand: list[str]) -> None:
    live.media("faults", json=[{"kind": "delay", "value": 60}])
    window.open()
    window.ask(*thousand[:998])
    window.press("stop")
    window.done()
    assert window.counts() == {"All": "998", "Unanswered": "998"}
    assert set(window.column(3)) == {"Not asked yet."}
    live.media("faults", json=[])
    window.press("retry")
    window.done()
    assert "Unanswered" not in window.counts()


def test_audio_and_its_words(window: Window, live: LiveCloud) -> None:
    states: list[dict[str, object]] = [{"status": 1}, {"status": 2}, {"status": 3}, FAILED, {}]
    tasks = [audio(number, **state) for number, state in enumerate(states)]
    live.media("tasks", json=tasks)
    window.open("/_url/query-audio")
    window.ask(*(vid(number) for number in range(6)))
    window.done()
    assert window.text("count") == "6 ids"
    assert window.column(3) == [
        *("waiting", "source information known", "transcoding"),
        *("122 · the source file can not be decoded", "took 43 sec", "The API has no such id."),
    ]
    assert window.column(2)[-1] == "Missing"
    assert window.rows()[4][6] == "▶ Open file 1 mp3"
    window.all(".play")[0].click()
    window.until(lambda: window.all("#detail .file")[0].text.startswith("It can't be played here. Open it instead."))
    (source, output) = window.all("#detail a")
    assert output.get_attribute("href") == f"{source.get_attribute('href')}.191488_mp3.mp3"


def test_chinese_by_the_browser_s_language_and_back(window: Window, thousand: list[str]) -> None:
    window.speak("zh-CN,zh,en")
    window.open()
    assert window.driver.title.startswith("我的视频任务处理得怎么样了")
    window.ask(*thousand)
    window.done()
    words = ("全部", "成功", "失败", "进行中", "已删除", "未找到", "无效")
    assert window.counts() == dict(zip(words, ["1,000", *OUTCOMES.values()], strict=True))
    assert window.all("html")[0].get_attribute("lang") == "zh-CN"
    assert window.rows()[0][2:4] == ["成功", "用时 27秒"]
    window.press("language")
    assert window.rows()[0][2:4] == ["Succeeded", "took 27 sec"]
    assert window.all("html")[0].get_attribute("lang") == "en"
    window.open()
    assert window.driver.title == "What became of my video tasks?"


@pytest.mark.parametrize(("languages", "title"), [("fr-FR,fr", "What"), ("fr,zh-TW", "我的"), ("de,en-GB,zh", "What")])
def test_the_first_language_that_it_speaks(window: Window, languages: str, title: str) -> None:
    window.speak(languages)
    window.open()
    assert window.driver.title.startswith(title)


def test_the_download_has_the_contract_s_columns(window: Window, thousand: list[str]) -> None:
    window.open()
    window.ask(*thousand)
    window.done()
    content, rows = window.download()
    assert content.startswith(b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n")
    assert [row["vid"] for row in rows] == thousand
    assert {outcome: sum(row["outcome"] == outcome.lower() for row in rows) for outcome in OUTCOMES} == {
        outcome: int(number) for outcome, number in OUTCOMES.items()
    }
    assert rows[0] == {
        "vid": vid(0),
        "outcome": "succeeded",
        "status": "5",
        "create_time": "2018-07-03 14:56:36",
        "finish_time": "2018-07-03 14:57:03",
        "result": RESULT,
        "error_code": "",
        "error_msg": "",
        "url": "http://test-1253125191.cossh.myqcloud.com/vp/same.mp4",
    }
    window.choose("missing")
    window.until(lambda: window.text("save") == "Download CSV (98)")
    assert [row["outcome"] for row in window.download()[1]] == ["missing"] * 98


def test_a_link_to_the_question_asks_it_again(window: Window, thousand: list[str]) -> None:
    window.open()
    asked = [thousand[0], thousand[600], "no id, <b>", thousand[0]]
    window.drop("ids.csv", "vid\r\n" + "".join(f'"{vid}"\r\n' for vid in asked))
    window.done()
    window.press("link")
    window.until(lambda: window.text("message").startswith("The link is"))
    link = window.driver.current_url
    assert "#ids=" in link
    window.open("/query-audio")
    window.driver.get(link)
    window.done()
    assert window.column(1) == asked
    assert window.column(2) == ["Succeeded", "Failed", "Invalid", "Succeeded"]


def test_too_many_ids_for_a_link_are_reported(window: Window, thousand: list[str]) -> None:
    window.open()
    window.ask(*thousand)
    window.done()
    window.press("link")
    assert window.text("message").startswith("1,000 ids are too many for a link.")
    assert "#" not in window.driver.current_url


@pytest.mark.parametrize("query", ["vids={0},{1}", "vids={0}&vids={1}", "vids.0={0}&vids.1={1}"])
def test_a_question_in_the_address_is_asked(window: Window, thousand: list[str], query: str) -> None:
    window.open("/query-video?" + query.format(thousand[0], thousand[500]))
    window.done()
    assert window.column(2) == ["Succeeded", "Failed"]


def test_pending_ones_are_asked_again(window: Window, live: LiveCloud, thousand: list[str]) -> None:
    window.open()
    window.ask(*thousand[699:702])
    window.done()
    assert window.text("again") == "Ask again about 2 pending"
    live.media("tasks", json=[video(700)])
    before = live.media("calls")["GetVpResult"]
    window.press("again")
    window.done()
    assert window.column(2) == ["Failed", "Succeeded", "Pending"]
    assert live.media("calls")["GetVpResult"] == before + 1


def test_the_whole_record_is_a_press_away(window: Window, live: LiveCloud) -> None:
    live.media("tasks", json=[video(0, unknown_field={"文": [1.5]})])
    window.open()
    window.ask(vid(0))
    window.done()
    window.all("tbody .vid")[0].click()
    assert window.text("detail-title") == vid(0)
    assert [link.get_attribute("href") for link in window.all("#detail a")][1:] == [RESULT]
    window.all("#detail button")[-1].click()
    window.until(lambda: '"文": [\n      1.5\n    ]' in window.all("#detail pre")[0].text)
