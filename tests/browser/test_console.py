"""The console of the local cloud: what happens is seen as it happens, and what is ordered is done."""

from __future__ import annotations

import json

import pytest

from tests.browser.window import Window
from tests.local.scf.api.test_triggers import URL
from tests.support.clock import Clock
from tests.support.desk import NAME, NOW, Desk
from tests.support.live import LiveCloud

VIDEO = "a72c30a65853dc1466ec9ef681e7b76b1530600996"
#: As WCAG counts it: text and what is behind it, for each visible text of the page.
CONTRAST = """
const channel = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const parts = colour => colour.match(/[\\d.]+/g).map(Number);
const light = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
function behind(element) {
  for (; element; element = element.parentElement) {
    const colour = parts(getComputedStyle(element).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
}
const bad = [];
for (const element of document.querySelectorAll("h1,h2,h3,p,th,td,button,label,a,li,pre,output,code")) {
  if (!element.innerText || !element.checkVisibility()) continue;
  const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) bad.push(`${element.tagName} ${element.innerText.slice(0, 20)} ${ratio.toFixed(2)}`);
}
return bad;
"""


@pytest.fixture
def console(window: Window) -> Window:
    """The console, connected."""
    window.open("/_local/")
    window.until(lambda: window.text("connection") == "live")
    return window


def activity(console: Window) -> list[str]:
    """The newest line: what, status, start."""
    script = "return [...document.querySelectorAll('#activities tr:first-child td')].map(cell => cell.innerText)"
    cells: list[str] = console.driver.execute_script(script)
    return [cells[1], cells[2], cells[4].partition(" ")[0]] if cells else []


def texts(console: Window, selector: str) -> list[str]:
    """The texts of all that a selector finds, at one moment."""
    script = "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText)"
    found: list[str] = console.driver.execute_script(script, selector)
    return found


def press(console: Window, label: str) -> None:
    script = "document.querySelector(`[aria-label='${arguments[0]}']`).click()"
    console.driver.execute_script(script, label)


def submit(console: Window, form: str) -> None:
    console.driver.execute_script("document.querySelector(`#${arguments[0]} [type=submit]`).click()", form)


def fill(console: Window, name: str, text: str) -> None:
    console.driver.execute_script("arguments[0].value = arguments[1]", console.element(name), text)


def test_a_request_is_seen_as_it_happens_with_event_reply_and_log(console: Window, live: LiveCloud) -> None:
    route = f"GET /query-video?vids={VIDEO}"
    live.get(f"/query-video?vids={VIDEO}")
    console.until(lambda: activity(console)[:2] == [route, "200"])
    press(console, f"Show {route}")
    assert json.loads(console.text("detail-event"))["queryString"] == {"vids": VIDEO}
    assert VIDEO in console.text("detail-reply")
    assert "START RequestId:" in console.text("detail-log")


def test_an_invocation_of_a_function_that_fails_is_marked(console: Window, live: LiveCloud) -> None:
    live.get("/query-video?vids=no-id!")
    console.until(lambda: activity(console)[1:2] == ["400"])
    assert console.all("#activities tr:first-child td.bad")


def test_a_sample_is_sent_edited_and_sent_again(console: Window) -> None:
    console.driver.execute_script(
        "const box = arguments[0]; box.value = 'query-video.direct.200'; box.dispatchEvent(new Event('change'))",
        console.element("send-sample"),
    )
    submit(console, "send-form")
    console.until(lambda: console.text("send-result").startswith("done in"))
    console.until(lambda: activity(console)[:2] == ["invoke query-video", "200"])
    press(console, "Show invoke query-video")
    console.driver.execute_script("activities.clear()")  # as after 200 newer ones
    fill(console, "send-event", "{}")
    console.press("detail-again")
    assert "vids" in str(console.element("send-event").get_property("value"))
    fill(console, "send-event", json.dumps({"vids": ["no id !"]}))
    submit(console, "send-form")
    console.until(lambda: console.text("detail-title").startswith("invoke"))
    console.until(lambda: len(console.all("#activities tr")) >= 2)


def test_an_event_that_is_not_json_is_reported_and_not_sent(console: Window) -> None:
    before = len(console.all("#activities tr"))
    fill(console, "send-event", "{")
    submit(console, "send-form")
    console.until(lambda: "JSON" in console.text("send-result"))
    assert len(console.all("#activities tr")) == before


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
def test_what_is_deployed_is_listed_while_it_is_there(
    console: Window, live: LiveCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Desk(live, Clock(NOW))
    monkeypatch.setattr(live.cloud.account, "clock", account.clock)
    account.create()
    account.scf("CreateTrigger", **URL)
    account.scf("CreateTrigger", TriggerName="tick", Type="timer", TriggerDesc="0 0 0 1 1 * *", Enable="OPEN")
    live.get(f"/query-video?vids={VIDEO}")
    console.until(lambda: len(texts(console, "#deployed-rows tr")) == 1)
    (shown,) = texts(console, "#deployed-rows tr")
    assert f"URL /_url/{NAME}/\ntimer tick (0 0 0 1 1 * *)" in shown
    account.scf("DeleteFunction")
    account.settle()
    assert account.scf("ListFunctions")["TotalCount"] == 0
    live.get(f"/query-video?vids={VIDEO}")
    console.until(lambda: texts(console, "#deployed-rows tr") == [])


def test_a_timer_is_fired(console: Window) -> None:
    press(console, "Fire collect-audio")
    console.until(lambda: activity(console)[:2] == ["timer collect-audio", "200"])


def test_a_task_is_added_and_what_it_becomes_is_shown(console: Window) -> None:
    vid = "f" * 32 + "1700000123"
    fill(console, "task-spec", json.dumps({"vid": vid, "status": 3, "timeline": [{"after": 500, "status": 5}]}))
    submit(console, "task-form")
    console.until(lambda: console.text("task-result") == "1 added")
    assert any(vid in row and "status 5 in" in row for row in texts(console, "#task-rows tr"))
    fill(console, "task-spec", '{"vid": "x", "staus": 3}')
    submit(console, "task-form")
    console.until(lambda: "is status meant?" in console.text("task-result"))


def test_an_object_is_read_and_deleted(console: Window, live: LiveCloud) -> None:
    live.cloud.store.put("media-query/<b>.json", b'{"html": "<script>alert(1)</script>"}', {})
    press(console, "Fire collect-video")
    console.until(lambda: console.all('[aria-label="Read media-query/<b>.json"]'))
    press(console, "Read media-query/<b>.json")
    console.until(lambda: "<script>" in console.text("object-content"))
    press(console, "Delete media-query/<b>.json")
    console.until(lambda: not console.all('[aria-label="Read media-query/<b>.json"]'))
    assert "media-query/<b>.json" not in live.cloud.store.list().keys


def test_a_fault_is_ordered_met_and_cleared(console: Window, live: LiveCloud) -> None:
    console.driver.execute_script("arguments[0].value = 'code'", console.element("fault-kind"))
    fill(console, "fault-value", "4100")
    submit(console, "fault-form")
    console.until(lambda: console.text("fault-rows") == "media API: code 4100, rate 1")
    assert live.get(f"/query-video?vids={VIDEO}").status_code == 502
    console.press("fault-clear")
    console.until(lambda: console.text("fault-rows") == "")
    assert live.get(f"/query-video?vids={VIDEO}").status_code == 200


def test_calls_are_counted(console: Window, live: LiveCloud) -> None:
    live.get(f"/query-video?vids={VIDEO}")
    console.until(lambda: any("GetVpResult" in row for row in texts(console, "#call-rows tr")))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_can_be_read_in_both_themes(console: Window, live: LiveCloud, theme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": theme}]
    console.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    live.get("/query-video?vids=no-id!")
    console.until(lambda: activity(console)[1:2] == ["400"])
    assert console.driver.execute_script(CONTRAST) == []
