"""What HTTP and direct callers get besides the envelope: tables, the page, replies without a body; and how large."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest

from shared.handler import MAX_RETURN
from shared.net.json_text import JsonObject
from shared.tasks import Kind
from tests.support.functions import http, run, success
from tests.support.wire import Network, Turn, function_url, gateway, said, task

A = task("a", 5, result=["http://x/1.mp4", "http://x/2.mp4"], create_time="2018-07-03 14:56:36", finish_time="later")
B = task("b", 4, error_code=122, error_msg="=no")
TASKS: dict[str, JsonObject | Turn] = {"a": A, "b": B, "dead": (500, {}, b"")}
HEADING = "\ufeffvid,outcome,status,create_time,finish_time,result,error_code,error_msg,url\r\n"
ROW_A = "a,succeeded,5,2018-07-03 14:56:36,later,http://x/1.mp4 http://x/2.mp4,,,\r\n"
ROW_B = "b,failed,4,,,,122,'=no,\r\n"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _one_id_a_call(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "1")


@pytest.mark.parametrize(
    "event",
    [
        gateway("GET", {"vids": "b,a,b", "format": "csv"}),
        function_url("GET", {"vids": ["b", "a", "b"]}, headers={"accept": "text/csv"}),
        gateway("POST", body='{"vids": ["b", "a", "b"], "format": "csv"}'),
        function_url("POST", {"format": "csv"}, body="b\na\nb\n", headers={"content-type": "text/csv"}),
    ],
)
def test_a_table_has_a_row_an_id_asked(net: Network, event: JsonObject) -> None:
    media = net.media(TASKS)
    reply = run("video", event)
    headers = {"Content-Type": "text/csv; charset=utf-8", "Vary": "Accept"}
    body = f"{HEADING}{ROW_B}{ROW_A}{ROW_B}"
    assert reply == {"isBase64Encoded": False, "statusCode": 200, "headers": headers, "body": body}
    assert sorted(call.asked for call in media.calls) == [["a"], ["b"]], "each is asked about once"


def test_a_direct_caller_gets_the_text_of_the_table(net: Network) -> None:
    net.media(TASKS)
    assert run("video", {"vids": ["a", "b"], "format": "csv"}) == f"{HEADING}{ROW_A}{ROW_B}"


def test_a_table_has_rows_for_missing_and_unanswered_ids(net: Network) -> None:
    net.media(TASKS)
    reply = run("video", gateway("GET", {"vids": "x,dead,a", "format": "csv"}))
    assert reply["statusCode"] == 207
    unanswered = "dead,unanswered,,,,,6000,the media API answered HTTP 500,\r\n"
    assert reply["body"] == f"{HEADING}x,missing,,,,,,,\r\n{unanswered}{ROW_A}"


@pytest.mark.parametrize(("asked", "status", "code"), [("x,y", 404, 5000), ("dead", 502, 6000), ("../a", 400, 4000)])
def test_an_error_of_the_whole_query_is_json(net: Network, asked: str, status: int, code: int) -> None:
    if code != 4000:
        net.media(TASKS)
    shown, _, reply = http("video", gateway("GET", {"vids": asked, "format": "csv"}))
    assert (shown, reply["code"]) == (status, code)


@pytest.mark.parametrize("trigger", [gateway, function_url])
@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ({"vids": "a"}, {}),
        ({"vids": "x"}, {}),
        ({"vids": "../a"}, {}),
        ({"vids": "a", "format": "csv"}, {}),
        ({"vids": "a", "output": "cos"}, {}),
        ({"vids": "a", "format": "xml"}, BROWSER),
    ],
)
def test_head_is_get_without_a_body(net: Network, trigger: Any, query: JsonObject, headers: JsonObject) -> None:
    if "../" not in str(query) and "xml" not in str(query) and "output" not in query:
        net.media(TASKS)
    got = run("video", trigger("GET", query, headers=headers))
    assert got["body"]
    assert run("video", trigger("HEAD", query, headers=headers)) == {**got, "body": ""}


@pytest.mark.parametrize("trigger", [gateway, function_url])
def test_options_needs_no_token(
    net: Network, monkeypatch: pytest.MonkeyPatch, trigger: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN", "unit-api-token")
    reply = run("video", trigger("OPTIONS"))
    assert (reply["statusCode"], reply["headers"], reply["body"]) == (204, {"Allow": "GET, HEAD, POST, OPTIONS"}, "")
    assert json.loads(capsys.readouterr().out)["code"] == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods(net: Network, method: str) -> None:
    status, headers, reply = http("audio", gateway(method, {"vid": "a"}))
    assert (status, headers, reply["code"]) == (405, {"Allow": "GET, HEAD, POST, OPTIONS"}, 4000)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of the tests' own."""
    module = ModuleType("shared.replies.page")

    def page_reply(kind: Kind) -> JsonObject:
        return {"isBase64Encoded": False, "statusCode": 200, "headers": {"X": "y"}, "body": f"the {kind.name} page"}

    monkeypatch.setattr(module, "page_reply", page_reply, raising=False)
    monkeypatch.setitem(sys.modules, "shared.replies.page", module)


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("trigger", [gateway, function_url])
def test_a_browser_gets_the_page_without_a_token_or_keys(
    net: Network, monkeypatch: pytest.MonkeyPatch, trigger: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN", "unit-api-token")
    monkeypatch.setenv("TENCENTCLOUD_SECRETID", "")
    got = run("audio", trigger("GET", {"vids": "a"}, headers=BROWSER))
    assert (got["statusCode"], got["body"]) == (200, "the audio page")
    assert run("audio", trigger("HEAD", headers=BROWSER)) == {**got, "body": ""}
    assert [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()] == [0, 0]


def test_an_unknown_path_is_not_found_and_nothing_is_asked(net: Network) -> None:
    event = function_url("GET", {"vids": "a"}, path="/favicon.ico", headers=BROWSER)
    status, _, reply = http("video", event)
    assert (status, reply["code"], reply["codeDesc"]) == (404, 4000, "NotFound")


def test_a_lone_surrogate_stays_in_a_body_and_is_replaced_in_a_value(net: Network) -> None:
    net.media({"a": task("a", error_msg="x\ud800y")})
    assert http("video", gateway("GET", {"vids": "a"}))[2]["data"][0]["error_msg"] == "x\ud800y"
    direct = run("video", {"vids": "a"})
    assert direct == success([task("a", error_msg="x\ufffdy")])
    assert json.dumps(direct, ensure_ascii=False).encode()
    table = run("video", {"vids": "a", "format": "csv"})
    assert "x\ufffdy" in table


def sent(reply: object) -> int:
    """What SCF counts: the whole value as JSON."""
    return len(json.dumps(reply, ensure_ascii=False).encode())


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("over_http", [True, False])
@pytest.mark.parametrize("text", ['"', "文"])
def test_the_largest_reply_that_scf_takes_is_sent_and_one_byte_more_is_not(
    net: Network, over_http: bool, form: str, text: str
) -> None:
    """Of 60 records, each far from large: their number says nothing."""
    vids = [f"v{number}" for number in range(60)]
    padded: dict[str, JsonObject | Turn] = {vid: task(vid) for vid in vids}
    net.media(padded)
    asked = {"vids": ",".join(vids), "format": form}
    event = gateway("GET", asked) if over_http else asked

    def with_padding(length: int, times: int = 1000) -> Any:
        padded.update({vid: task(vid, error_msg=text * times) for vid in vids})
        padded["v0"] = task("v0", error_msg=text * times, url="x" * length)
        return run("video", event)

    times = 1000 * (MAX_RETURN - 50_000) // sent(with_padding(0))
    room = MAX_RETURN - sent(with_padding(0, times))
    assert room > 0
    assert sent(with_padding(room, times)) == MAX_RETURN
    refused = with_padding(room + 1, times)
    if over_http:
        assert refused["statusCode"] == 400
        refused = json.loads(refused["body"])
    assert (refused["code"], "output=cos" in refused["message"], "data" in refused) == (4000, True, False)


@pytest.mark.parametrize(("kind", "asked"), [("video", {"vids": "a"}), ("audio", {"vid": "a"}), ("audio", {})])
def test_a_single_record_that_is_too_large_is_an_upstream_failure(net: Network, kind: str, asked: JsonObject) -> None:
    record = task("a", error_msg="x" * MAX_RETURN)
    net.media({"a": record}, [said(record)] if not asked else [])
    status, _, reply = http(kind, gateway("GET", asked))
    assert (status, reply["code"], "data" in reply) == (502, 6000, False)
