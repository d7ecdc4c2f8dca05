from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.charts import bar_chart
from benchmarks.machine import cpu_model
from benchmarks.server import Repeating
from benchmarks.table import Bar, Quartiles, Row, Topic, against, compared, markdown, quartiles
from local.media.service import MediaService
from local.media.tasks import MediaTasks
from local.server import Reply, Request


def test_quartiles_are_of_the_sample_itself() -> None:
    assert quartiles([5, 1, 4, 2, 3]) == (2, 3, 4)


def test_one_number_is_its_own_quartiles() -> None:
    assert quartiles([7]) == (7, 7, 7)


def test_a_ratio_is_taken_within_each_pair() -> None:
    # A machine that is ten times slower in the second round doesn't change what is compared.
    row = compared("x", [2, 20, 6], [1, 10, 2], "ms")
    assert row == Row("x", "6 ms", "2 ms", Quartiles(2, 2, 2.5))


def test_series_of_different_length_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        compared("x", [1, 2], [1], "ms")


def test_a_fixed_reference_divides_every_number() -> None:
    assert against("x", [32, 48], 64, "MB", Bar(1)) == Row(
        "x", "40 MB", "64 MB", Quartiles(0.5625, 0.625, 0.6875), Bar(1)
    )


@pytest.mark.parametrize(
    ("bar", "ratio", "missed"),
    [
        (Bar(1.15), 1.15, False),
        (Bar(1.15), 1.16, True),
        (Bar(0.8, at_least=True), 0.8, False),
        (Bar(0.8, at_least=True), 0.79, True),
        (None, 99, False),
    ],
)
def test_the_median_is_held_to_the_bar(bar: Bar | None, ratio: float, missed: bool) -> None:
    assert Row("x", "", "", Quartiles(0, ratio, 100), bar).missed is missed


def test_a_topic_is_a_chapter_with_a_table() -> None:
    rows = [
        against("fast", [1.0], 1.0, "ms", Bar(1.3)),
        against("slow", [2.0], 1.0, "ms", Bar(1.3)),
        against("free", [1.0], 3.0, "/s"),
        against("many", [2.0], 1.0, "/s", Bar(0.8, at_least=True)),
    ]
    assert markdown(Topic("Title", "A note.", rows)) == (
        "## Title\n\nA note.\n\n"
        "| | ours | reference | ratio | middle half | bar | |\n"
        "|---|---:|---:|---:|---:|---:|---|\n"
        "| fast | 1 ms | 1 ms | **1.000** | 1.000 to 1.000 | ≤ 1.3 | met |\n"
        "| slow | 2 ms | 1 ms | **2.000** | 2.000 to 2.000 | ≤ 1.3 | missed |\n"
        "| free | 1 /s | 3 /s | **0.333** | 0.333 to 0.333 |  |  |\n"
        "| many | 2 /s | 1 /s | **2.000** | 2.000 to 2.000 | ≥ 0.8 | met |\n"
    )


def test_the_cpu_is_named_by_its_model(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nmodel name\t: Another\n")
    assert cpu_model(tmp_path / "cpuinfo") == "Some CPU @ 3 GHz"


def test_more_text_and_pictures_follow_the_table() -> None:
    chart = bar_chart("a.svg", "A picture", {"a": 1}, "ms")
    text = markdown(Topic("Title", "A note.", [against("fast", [1.0], 1.0, "ms")], "More.", (chart,)))
    assert text.endswith("|  |  |\n\nMore.\n\n![A picture](a.svg)\n")


@pytest.mark.parametrize("content", ["processor\t: 0\n", None])
def test_a_cpu_without_a_model_is_named_all_the_same(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "cpuinfo").write_text(content)
    assert cpu_model(tmp_path / "cpuinfo")


class Numbering(MediaService):
    """Answers each request with the number of those before it."""

    def handle(self, request: Request) -> Reply:
        self.calls[request.path] += 1
        return Reply(200, {}, b"%d" % self.calls.total())


def test_the_last_reply_of_the_api_is_there_again() -> None:
    service = Repeating(Numbering(MediaTasks()))
    assert service.handle(Request("GET", "/same")).status == 404
    asked = service.handle(Request("POST", "/v2/index.php"))
    service.handle(Request("GET", "/_local/tasks"))
    assert service.handle(Request("GET", "/same")) == asked == Reply(200, {}, b"1")
    assert service.calls.total() == 2
    assert json.loads(service.error("5000").body)["code"] == 5000
