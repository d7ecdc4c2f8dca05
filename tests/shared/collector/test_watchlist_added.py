"""What callers add to a watch list: each in a note of its own; many notes are folded into few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from shared.collector import watchlist as module
from shared.collector.watchlist import FOLD_FROM, MOST_ADDED, NOTE_IDS, Added, add_ids, added_folder, read_added
from shared.cos.journal import FOLDED, KEPT, UNREADABLE, Held
from shared.errors import KeysRejected
from shared.tasks import VIDS
from tests.support.bucket import (  # fmt: skip
    ADDED,
    WATCH,
    Bucket,
    Hook,
    Objects,
    Run,
    nothing,
    one_after_the_other,
    sweep,
)
from tests.support.wire import NOW, task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)


def read(bucket: Bucket, held: Held | None = None, before: Hook = nothing, limit: float = 900.0) -> Added:
    deadline = Run(bucket, limit).deadline
    return read_added(Objects(bucket, before), WATCH, VIDS, {} if held is None else held, deadline)


def holding(*notes: str, damaged: Sequence[str] = (), folded: Sequence[str] = ()) -> Held:
    """The notes with the time from which each may be deleted."""
    folds = dict.fromkeys(folded, NOW + FOLDED)
    return dict.fromkeys(damaged, UNREADABLE) | folds | dict.fromkeys(notes, NOW + KEPT)


def notes(bucket: Bucket, contents: Mapping[str, object]) -> list[str]:
    for name, content in contents.items():
        bucket.store(f"{ADDED}{name}.json", content)
    return [f"{ADDED}{name}.json" for name in contents]


@pytest.mark.parametrize(
    ("watch", "folder"),
    [
        (WATCH, ADDED),
        ("watch/video/", ADDED),
        ("watch/video/added.json", ADDED),
        ("watch/video/added", ADDED),
        ("watch/video/added/", "watch/video/added.added/"),
        ("watch/video/x.json", "watch/video/x.added/"),
        ("team/a", "team/a.added/"),
        ("a.json.json", "a.json.added/"),
    ],
)
def test_a_watch_object_and_a_prefix_of_its_name_share_their_notes(watch: str, folder: str) -> None:
    assert added_folder(watch) == folder


def test_simultaneous_and_repeated_additions_all_count() -> None:
    bucket = Bucket()
    caller, other = Objects(bucket), Objects(bucket)
    for objects, vids in ((caller, "ab"), (other, "bc"), (caller, "ab"), (caller, "d")):
        add_ids(objects, "watch/video/", [*vids])
    assert bucket.now == NOW
    assert sorted(read(bucket).vids) == ["a", "b", "c", "d"]
    assert len(bucket.under(ADDED)) == 3


@pytest.mark.parametrize(
    ("number", "written"), [(1, 1), (NOTE_IDS, 1), (NOTE_IDS + 1, 2), (3 * NOTE_IDS, 3), (3 * NOTE_IDS + 1, 4)]
)
def test_many_ids_are_several_notes(number: int, written: int) -> None:
    bucket = Bucket()
    vids = tuple(f"id{number}" for number in range(number))
    stored = add_ids(Objects(bucket), WATCH, vids)
    lengths = [len(bucket.json(name)["vids"]) for name in bucket.under(ADDED)]
    assert (len(lengths), max(lengths)) == (written, min(number, NOTE_IDS))
    assert sorted(read(bucket).vids) == sorted(vids)
    assert bucket.json(stored.key.removeprefix("prefix/"))["vids"][-1] == vids[-1]


def test_added_ids_are_returned_with_their_notes() -> None:
    bucket = Bucket()
    names = notes(bucket, {"1": {"vids": ["b", "a"]}, "2": {"vids": ["a", "c"]}})
    assert read(bucket) == Added(["b", "a", "c"], holding(*names))


def test_a_note_of_a_person_may_say_anything() -> None:
    bucket = Bucket()
    good, bad, empty = notes(bucket, {"1": {"vids": ["a", 7, "../x"]}, "2": {"vids": "b"}, "3": {}})
    assert read(bucket) == Added(["a"], holding(good, damaged=[bad, empty]))


def test_held_notes_are_not_read_again() -> None:
    bucket = Bucket()
    first, second = notes(bucket, {"1": {"vids": ["a"]}, "2": {"vids": ["b"]}})
    calls: list[str] = []
    added = read(bucket, {first: NOW + 1.0}, lambda method, name: calls.append(f"{method} {name}"))
    assert (added, calls) == (Added(["b"], holding(second)), [f"LIST {ADDED}", f"GET {second}"])


def test_unreadable_notes_are_read_once_and_named_until_they_are_gone() -> None:
    """One that could not be read once made each firing dearer than the one before."""
    bucket = Bucket()
    bad = notes(bucket, {"1": b"{", "2": {"vids": 7}, "3": {}})
    costs = []
    for number in range(5):
        calls: list[str] = []
        summary = sweep(bucket, {}, lambda method, name: calls.append(f"{method} {name}"))  # noqa: B023
        costs.append(len(calls))
        assert summary["damaged"] == bad
        assert (f"GET {bad[0]}" in calls) == (number == 0)
        bucket.now += 86_400
    assert costs[1:] == [4] * 4
    assert bucket.under(ADDED) == bad
    for name in bad:
        bucket.remove(name)
    assert "damaged" not in sweep(bucket, {})


def test_an_unreadable_note_that_is_gone_is_forgotten() -> None:
    held: Held = {f"{ADDED}1.json": UNREADABLE, "results/video.found/1.json": UNREADABLE, f"{ADDED}2.json": NOW}
    read(Bucket(), held)
    assert held == {"results/video.found/1.json": UNREADABLE, f"{ADDED}2.json": NOW}


def test_more_ids_than_fit_in_memory_are_read_by_one_sweep_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand requests of a thousand ids each, between two sweeps, once killed every sweep."""
    monkeypatch.setattr(module, "NOTE_BYTES", 1024 * 1024)  # fewer notes, so that the test is quick
    bucket = Bucket()
    each = MOST_ADDED // 4
    names = notes(bucket, {f"{n}": {"vids": [f"{n}-{vid}" for vid in range(each)]} for n in range(6)})
    first = read(bucket)
    assert (len(first.vids), first.notes) == (4 * each, holding(*names[:4]))
    second = read(bucket, first.notes)
    assert (len(second.vids), second.notes) == (2 * each, holding(*names[4:]))


def test_few_notes_are_left_as_they_are() -> None:
    bucket = Bucket()
    names = notes(bucket, {f"{number:03}": {"vids": [f"id{number}"]} for number in range(FOLD_FROM - 1)})
    assert read(bucket) == Added([f"id{number}" for number in range(FOLD_FROM - 1)], holding(*names))
    assert bucket.under(ADDED) == names


def test_many_notes_are_folded_into_few_that_say_the_same() -> None:
    bucket = Bucket()
    contents: dict[str, object] = {f"{number:03}": {"vids": [f"id{number}", "all"]} for number in range(FOLD_FROM)}
    names = notes(bucket, contents | {"999": b"{"})
    added = read(bucket)
    (fold,) = bucket.objects.keys() - names
    assert added.notes == holding(fold, folded=names[:-1], damaged=names[-1:])
    assert bucket.json(fold)["vids"] == added.vids == ["id0", "all", *(f"id{n}" for n in range(1, FOLD_FROM))]
    assert bucket.under(ADDED) == sorted([*names, fold]), "they go when every list shows the new one"


def test_folding_writes_only_as_many_notes_as_the_ids_need() -> None:
    bucket = Bucket()
    size = NOTE_IDS // 10
    vids = [f"id{number}" for number in range(size * FOLD_FROM)]
    names = notes(bucket, {f"{n:03}": {"vids": vids[n * size : (n + 1) * size]} for n in range(FOLD_FROM)})
    folds = [bucket.json(name)["vids"] for name in read(bucket).notes if name not in names]
    assert [len(fold) for fold in folds] == [NOTE_IDS] * 5
    assert [vid for fold in folds for vid in fold] == vids


def test_folded_notes_go_soon_and_the_one_that_says_the_same_goes_later() -> None:
    bucket = Bucket()
    notes(bucket, {f"{number:03}": {"vids": ["a"]} for number in range(FOLD_FROM)})
    left = []
    for _ in range(50):
        sweep(bucket, {"a": task("a")})
        left.append(len(bucket.under(ADDED)))
        bucket.now += 60
    assert (left[:3], left[3], left[-1]) == ([FOLD_FROM + 1, FOLD_FROM + 1, 1], 1, 0)
    assert bucket.final() == {"a": task("a")}


def test_notes_read_before_the_deadline_count() -> None:
    bucket = Bucket()
    names = notes(bucket, {f"{number:03}": {"vids": [f"id{number}"]} for number in range(30)})

    def slow(method: str, name: str) -> None:
        bucket.now += 1

    added = read(bucket, None, slow, limit=10.5)
    assert (added.vids, [*added.notes]) == ([f"id{number}" for number in range(9)], names[:9])


@pytest.mark.parametrize("method", ["LIST", "GET", "PUT"])
def test_a_refusal_of_cos_fails_it(method: str) -> None:
    def refuse(asked: str, _: str) -> None:
        if asked == method:
            raise KeysRejected("no")

    bucket = Bucket()
    notes(bucket, {f"{number:03}": {"vids": ["a"]} for number in range(FOLD_FROM)})
    with pytest.raises(KeysRejected):
        read(bucket, before=refuse)
