"""An API that fails, a used-up quota, tokens, limits, hostile records: the page explains, and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.window import Window
from tests.support.live import LiveCloud, live_cloud
from tests.support.tasks import vid, video

VIDS = [vid(number) for number in range(300)]
TASKS = [video(number) for number in range(300)]


def test_keys_that_the_api_refuses_end_the_asking(window: Window, live: LiveCloud) -> None:
    live.media("tasks", json=TASKS)
    live.media("faults", json=[{"kind": "code", "value": 4100}])
    window.open()
    window.ask(*VIDS)
    window.done()
    why = "The API refuses the function's keys. Tell whoever runs it."
    assert window.text("message") == f"{why} The rest was not asked."
    assert window.counts() == {"All": "300", "Unanswered": "300"}
    assert set(window.column(3)) <= {why, "Not asked yet."}
    window.all("tbody .vid")[0].click()
    assert "4100 the media API refuses the function's keys or signature (code 4100)" in window.text("detail")
    window.type(Keys.ESCAPE)
    _, rows = window.download()
    assert {row["outcome"] for row in rows} == {"unanswered"}
    live.media("faults", json=[])
    window.press("retry")
    window.done()
    assert window.counts() == {"All": "300", "Succeeded": "300"}


def test_a_used_up_quota_is_waited_for(window: Window, live: LiveCloud) -> None:
    live.media("tasks", json=TASKS)
    live.media("faults", json=[{"kind": "code", "value": 4400}])
    window.open()
    window.ask(vid(1))
    window.until(lambda: window.text("message") == "The API's quota is used up: going on in 10 s.")
    live.media("faults", json=[])
    window.done()
    assert window.counts() == {"All": "1", "Succeeded": "1"}
    assert not window.element("message").is_displayed()


@pytest.fixture
def small_batches(tmp_path: Path) -> Iterator[LiveCloud]:
    """A cloud whose calls are about one id each, and whose queries about ten."""
    with live_cloud(tmp_path, BATCH_SIZE="1", MAX_VIDS="10") as live:
        yield live


def test_a_smaller_limit_is_found_and_kept(window: Window, small_batches: LiveCloud) -> None:
    small_batches.media("tasks", json=TASKS)
    window.gateway = small_batches.cloud.gateway
    window.open()
    window.ask(*VIDS)
    window.done()
    assert window.counts() == {"All": "300", "Succeeded": "300"}


def test_with_one_call_in_five_failing_every_id_is_answered(window: Window, small_batches: LiveCloud) -> None:
    small_batches.media("tasks", json=TASKS)
    small_batches.media("faults", json=[{"kind": kind, "rate": 0.07} for kind in ("reset", "truncate", "garbage")])
    window.gateway = small_batches.cloud.gateway
    window.open()
    window.ask(*VIDS)
    window.done()
    assert window.counts() == {"All": "300", "Succeeded": "300"}
    assert small_batches.media("calls")["GetVpResult"] > 300


def test_unanswered_ids_are_asked_again(window: Window, small_batches: LiveCloud) -> None:
    small_batches.media("tasks", json=TASKS)
    small_batches.media("faults", json=[{"kind": "code", "value": 4000, "times": 3}])
    window.gateway = small_batches.cloud.gateway
    window.open()
    window.ask(*VIDS[:10])
    window.done()
    assert window.counts() == {"All": "10", "Succeeded": "10"}


def test_an_id_that_the_back_end_refuses_costs_itself_only(window: Window, tmp_path: Path) -> None:
    job = "j" + "0" * 32
    with live_cloud(tmp_path, BACKEND="ci") as live:
        window.gateway = live.cloud.gateway
        window.open()
        window.ask(job, "not-a-job", job[:-1] + "1")
        window.done()
    assert window.column(2) == ["Missing", "Invalid", "Missing"]
    assert window.column(3)[1].startswith("vids: number 1 is not an id (a job id")


def test_an_unreachable_function_is_reported(window: Window, tmp_path: Path) -> None:
    with live_cloud(tmp_path) as live:
        window.gateway = live.cloud.gateway
        window.open()
    window.ask(*VIDS)
    window.done()
    assert window.text("message") == "No connection to the function. The rest was not asked."
    assert window.counts() == {"All": "300", "Unanswered": "300"}


@pytest.fixture
def guarded(window: Window, tmp_path: Path) -> Iterator[LiveCloud]:
    """A cloud with a token, whose page the window shows."""
    with live_cloud(tmp_path, API_TOKEN="s3cret-Token._~+/=") as live:
        live.media("tasks", json=TASKS)
        window.gateway = live.cloud.gateway
        window.open()
        yield live


def enter(window: Window, token: str) -> None:
    """Wait for the question and answer it."""
    window.until(lambda: window.element("token").is_displayed())
    window.type(token, Keys.ENTER)


def test_a_token_is_asked_for_and_kept_for_the_session_only(window: Window, guarded: LiveCloud) -> None:
    window.ask(*VIDS)
    for wrong in ("wrong", "令牌"):
        enter(window, wrong)
        window.until(lambda: window.element("token-wrong").is_displayed())
    assert window.text("token-wrong") == "That token was refused."
    enter(window, "s3cret-Token._~+/=")
    window.done()
    assert window.counts() == {"All": "300", "Succeeded": "300"}
    session, for_good, cookie, address = window.kept()
    assert (session, for_good, cookie) == ({"token": "s3cret-Token._~+/="}, {}, "")
    assert "s3cret" not in address
    window.open()
    window.ask(vid(1))
    window.done()
    assert window.counts() == {"All": "1", "Succeeded": "1"}
    window.press("forget")
    assert window.kept()[0] == {"token": ""}


def test_without_a_token_nothing_is_answered_and_nothing_is_lost(window: Window, guarded: LiveCloud) -> None:
    window.ask(*VIDS)
    window.until(lambda: window.element("token").is_displayed())
    window.type(Keys.ESCAPE)
    window.done()
    assert window.text("message") == "A token is needed. The rest was not asked."
    assert window.counts() == {"All": "300", "Unanswered": "300"}
    window.press("retry")
    enter(window, "s3cret-Token._~+/=")
    window.done()
    assert window.counts() == {"All": "300", "Succeeded": "300"}


EVIL = '<img src=x onerror="refused.push(1)"><script>refused.push(2)</script>'


def test_nothing_that_a_record_says_runs_or_starts_a_formula(window: Window, live: LiveCloud) -> None:
    fields = dict.fromkeys(("create_time", "finish_time", "error_code", "error_msg", "bucket_name", EVIL), EVIL)
    formula = dict.fromkeys(("create_time", "finish_time", "error_code", "error_msg", "url"), "=HYPERLINK(1)")
    scripts = [
        "javascript:refused.push(3)",
        "data:text/html,<script>1</script>",
        f"http://x/{EVIL}.mp4",
        "\tjava\nscript:1",
    ]
    live.media(
        "tasks",
        json=[
            video(1, **{**fields, "url": "javascript:refused.push(4)", "result": scripts}),
            video(2, **{**fields, "url": EVIL, "result": EVIL, "status": 4}),
            video(3, **{**formula, "result": ["=1+1", "-1"], "status": 4, "error_msg": '=1,"\r\n=2'}),
            video(4, status=EVIL),
        ],
    )
    window.open()
    window.drop(f"{EVIL}.csv", "vid\r\n" + "".join(f"{vid(number)}\r\n" for number in range(1, 5)) + f"'{EVIL},\r\n")
    window.done()
    assert window.column(2) == ["Succeeded", "Failed", "Failed", "Pending", "Invalid"]
    assert window.rows()[1][3] == f"{EVIL} · {EVIL}"
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert window.driver.execute_script(wide) == 0, "long names widen no cell and no page"
    links = 0
    for row in window.all("tbody .vid"):
        row.click()
        window.all("#detail button")[-1].click()
        protocols = [link.get_property("protocol") for link in window.all("a")]
        assert set(protocols) <= {"http:", "https:"}
        links += len(protocols)
        assert not window.all("img, script:not([type=module]), iframe, [onerror], main script, dialog script")
        window.type(Keys.ESCAPE)
    assert links
    _, rows = window.download()
    assert len(rows) == 5
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.lstrip()[:1] in tuple("=+-@\t\r")]
