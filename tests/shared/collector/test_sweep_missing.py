"""Ids that the API does not know: asked about for some days, then final as missing."""

from __future__ import annotations

import pytest

from shared.backends.base import DAY
from shared.net.json_text import JsonObject
from tests.support.sweeps import RESULTS, WATCH, results, summary, sweep
from tests.support.wire import Network, task


def test_an_id_that_is_no_longer_known_keeps_its_record(net: Network) -> None:
    net.media({})
    stored = results(summary(watched=1, pending=1), task("a", 3))
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"], RESULTS: stored})
    assert sweep(net) == summary(watched=1, pending=1)
    assert cos.json(RESULTS)["tasks"] == {"a": task("a", 3)}
    assert list(cos.json(RESULTS)["missing"]) == ["a"]


@pytest.mark.parametrize("known", [task("a", 3), None], ids=["once known", "never known"])
def test_an_id_that_is_not_known_for_days_is_final_as_missing(net: Network, known: JsonObject | None) -> None:
    media = net.media({} if known is None else {"a": known})
    net.cos("GET", "PUT", objects={WATCH: ["a"]})
    sweep(net, MISSING_DAYS="2")
    media.tasks = {}
    for _ in range(5):
        told = sweep(net, MISSING_DAYS="2")
        net.clock.now += DAY
    assert told == summary(watched=1, missing=1)
    assert len(media.calls) == 1 + 3, "asked at once and after one and two days, then never again"


def test_without_patience_an_unknown_id_is_final_at_once(net: Network) -> None:
    media = net.media({})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"]})
    for _ in range(2):
        assert sweep(net, MISSING_DAYS="0") == summary(watched=1, missing=1)
    assert len(media.calls) == 1
    assert cos.json(RESULTS)["missing"] == {"a": "2023-11-14T22:13:20Z"}


def test_an_id_that_becomes_known_is_missing_no_longer(net: Network) -> None:
    media = net.media({})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"]})
    sweep(net)
    media.tasks = {"a": task("a")}
    assert sweep(net) == summary(watched=1, succeeded=1)
    assert cos.json(RESULTS)["missing"] == {}
