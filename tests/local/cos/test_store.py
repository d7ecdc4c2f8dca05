"""Objects on disk: any key, atomic writes, correct ETags."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import crcmod
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.cos.store import CosStore

BUCKET = "media-1253125191"
JSON = {"Content-Type": "application/json"}
STRANGE_KEYS = [
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "//",
    "a//b",
    "a/./b",
    "a/",
    ".hidden",
    "+",
    "a+/b",
    "%2F",
    "%",
    "\x00",
    "\n",
    "结果/视频.json",
    "é",
    "e\u0301",
    "a" * 240,
    "a" * 240 + ".",
    "a" * 240 + "..",
    "." * 850,
    "视" * 283,
]

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300).filter(
    lambda k: len(k.encode()) <= 850
)


@pytest.fixture
def store(tmp_path: Path) -> CosStore:
    return CosStore(tmp_path)


def files_below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_an_object_comes_back_whole(store: CosStore) -> None:
    put = store.put("results/video.json", b'{"a": 1}', {**JSON, "x-cos-meta-a": "b"})
    got = store.get("results/video.json")
    assert got == put._replace(body=b'{"a": 1}')
    assert store.head("results/video.json") == put
    assert (got.size, got.etag) == (8, hashlib.md5(b'{"a": 1}').hexdigest())
    assert got.headers == {**JSON, "x-cos-meta-a": "b"}


def test_content_is_a_plain_file_in_the_buckets_folder(tmp_path: Path) -> None:
    store = CosStore(tmp_path)
    store.put("results/video.json", b"text", JSON)
    assert files_below(tmp_path / BUCKET) == [tmp_path / BUCKET / "results" / "video.json"]
    assert store.path("results/video.json").read_bytes() == b"text"


def test_a_key_and_the_folder_of_another_do_not_collide(store: CosStore) -> None:
    together = ["a", "a/b", "a.b", "a.b/c", "a+", "a+/b", "a=", "a=/b", "a//b", "a/"]
    for key in together:
        store.put(key, key.encode(), {})
    assert {key: store.get(key).body.decode() for key in store.list().keys} == {key: key for key in together}


def test_nothing_is_left_of_a_deleted_object(tmp_path: Path) -> None:
    store = CosStore(tmp_path)
    store.put("a/b/c.json", b"x", JSON)
    store.put("a/d.json", b"x", JSON)
    store.delete("a/b/c.json")
    assert [path.name for path in (tmp_path / BUCKET / "a").iterdir()] == ["d.json"]


def test_crc64_is_the_one_of_the_official_client(store: CosStore) -> None:
    official = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)
    for body in (b"", b"123456789", bytes(range(256))):
        assert store.put("k", body, {}).crc64 == official(body)


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_missing_object_is_a_key_error(store: CosStore, method: str) -> None:
    with pytest.raises(KeyError, match="no/such"):
        getattr(store, method)("no/such")


def test_an_empty_key_is_refused(store: CosStore) -> None:
    with pytest.raises(ValueError, match="needs a key"):
        store.put("", b"", {})


def test_delete_removes_content_and_sidecar(tmp_path: Path) -> None:
    store = CosStore(tmp_path)
    store.put("k", b"x", JSON)
    store.delete("k")
    store.delete("k")
    assert files_below(tmp_path) == []


def test_put_replaces_by_default(store: CosStore) -> None:
    store.put("k", b"one", JSON, replace=False)
    store.put("k", b"two", {})
    with pytest.raises(FileExistsError):
        store.put("k", b"three", {}, replace=False)
    assert (store.get("k").body, store.get("k").headers) == (b"two", {})


def test_a_second_store_sees_the_first_ones_objects(tmp_path: Path) -> None:
    put = CosStore(tmp_path).put("k", b"x", JSON)
    assert CosStore(tmp_path).head("k") == put
    assert CosStore(tmp_path, "other-1253125191").list().keys == ()


@given(key=keys, other=keys)
@example(key="a", other="a/")
@example(key="a" * 240, other="a" * 241)
def test_any_key_round_trips_within_the_directory(key: str, other: str) -> None:
    with tempfile.TemporaryDirectory() as parent:
        directory = Path(parent) / "state"
        store = CosStore(directory)
        store.put(other, b"other", {})
        store.put(key, b"body", JSON)
        assert store.get(key).body == b"body"
        assert store.get(other).body == (b"body" if key == other else b"other")
        assert set(store.list().keys) == {key, other}
        assert all(path.is_relative_to(directory) for path in files_below(Path(parent)))
        assert store.path(key).resolve().is_relative_to((directory / BUCKET).resolve())
        assert store.path(key).is_file()


def test_strange_keys_live_side_by_side(tmp_path: Path) -> None:
    store = CosStore(tmp_path / "state")
    for key in STRANGE_KEYS:
        store.put(key, key.encode(), {"x-cos-meta-key": "1"})
    assert [store.get(key).body for key in STRANGE_KEYS] == [key.encode() for key in STRANGE_KEYS]
    assert list(store.list().keys) == sorted(STRANGE_KEYS, key=str.encode)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    longest = max(len(part) for path in files_below(tmp_path) for part in path.parts)
    assert longest <= 255
    for key in STRANGE_KEYS:
        store.delete(key)
    assert files_below(tmp_path) == []


def test_content_changed_by_hand_gets_its_own_etag(store: CosStore) -> None:
    store.put("k", b"old", JSON)
    store.path("k").write_bytes(b"new")
    expected = hashlib.md5(b"new").hexdigest()
    assert store.head("k").etag == store.get("k").etag == expected
    assert store.head("k").body == b""
    assert store.get("k").headers == {}
    # A second change within one tick of the file system's clock: same time, same size.
    status = store.path("k").stat()
    store.path("k").write_bytes(b"hot")
    os.utime(store.path("k"), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.head("k").etag == hashlib.md5(b"hot").hexdigest()


def test_a_file_put_there_by_hand_is_an_object(store: CosStore) -> None:
    store.path("watch/a.json").parent.mkdir()
    store.path("watch/a.json").write_bytes(b"[]")
    assert store.list().keys == ("watch/a.json",)
    assert store.get("watch/a.json").etag == hashlib.md5(b"[]").hexdigest()


def test_files_with_other_names_are_not_objects(tmp_path: Path) -> None:
    store = CosStore(tmp_path)
    for name in (".DS_Store", "a b", "%2f", "%ff", "x", "x.y+", "视"):
        (tmp_path / BUCKET / name).write_bytes(b"")
    (tmp_path / BUCKET / "folder").mkdir()
    (tmp_path / BUCKET / "folder" / "x").write_bytes(b"")
    assert store.list().keys == ()


def test_a_spoiled_sidecar_costs_the_headers_and_nothing_else(tmp_path: Path) -> None:
    store = CosStore(tmp_path)
    put = store.put("k", b"x", JSON)
    (sidecar,) = files_below(tmp_path / ".headers")
    sidecar.write_bytes(b"")
    assert store.head("k") == put._replace(headers={})


def test_a_sidecar_describes_two_files_at_most(tmp_path: Path) -> None:
    store = CosStore(tmp_path)
    sizes = []
    for body in (b"1", b"2", b"3", b"4"):
        store.put("k", body, JSON)
        (sidecar,) = files_below(tmp_path / ".headers")
        sizes.append(sidecar.stat().st_size)
    assert sizes[1] < 2.5 * sizes[0]
    assert sizes[3] < 1.2 * sizes[1]


def disk_full(*args: Any, **kwargs: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def break_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the content reaches the disk, then it is full."""

    def write_half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        return int(disk_full())

    monkeypatch.setattr(Path, "write_bytes", write_half)


def break_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sidecar is in place when the disk is full."""
    move = Path.replace

    def replace(path: Path, target: Path) -> Path:
        return Path(disk_full()) if BUCKET in target.parts and ".headers" not in target.parts else move(path, target)

    monkeypatch.setattr(Path, "replace", replace)


def break_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "utime", disk_full)


@pytest.mark.parametrize("fault", [break_content, break_last_step, break_time])
def test_a_full_disk_leaves_the_old_object_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    store = CosStore(tmp_path)
    store.put("k", b"older", JSON)
    store.put("k", b"old", {**JSON, "x-cos-meta-a": "b"})
    before, files = store.get("k"), files_below(tmp_path)
    with monkeypatch.context() as broken:
        fault(broken)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                store.put("k", b"new", {})
            with pytest.raises(OSError, match="No space left"):
                store.put("fresh", b"new", {})
    assert store.get("k") == store.head("k")._replace(body=b"old") == before
    assert [path for path in files_below(tmp_path) if ".headers" not in path.parts] == [
        path for path in files if ".headers" not in path.parts
    ]
    assert store.list().keys == ("k",)
    assert store.put("k", b"new", {}).etag == store.head("k").etag == hashlib.md5(b"new").hexdigest()


def test_readers_see_one_object_or_the_other(store: CosStore) -> None:
    versions = {body: {"x-cos-meta-size": str(len(body))} for body in (b"a" * 200_000, b"b" * 300_000, b"c" * 300_000)}
    first = next(iter(versions))
    store.put("k", first, versions[first])

    def write() -> None:
        for _ in range(30):
            for body, headers in versions.items():
                store.put("k", body, headers)

    writers = [Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers) or not reads:
        got, known = store.get("k"), store.head("k")
        assert got.headers == versions[got.body]
        assert got.etag == hashlib.md5(got.body).hexdigest()
        assert known.headers == {"x-cos-meta-size": str(known.size)}
        reads += 1
    for writer in writers:
        writer.join()


def test_two_objects_of_one_size_in_one_instant_are_distinguished(tmp_path: Path) -> None:
    ticks: Iterator[int] = iter((1_700_000_000_000_000_000, 1_700_000_000_000_000_001))
    store = CosStore(tmp_path, clock=lambda: next(ticks))
    store.put("k", b"one", JSON)
    store.put("k", b"two", JSON)
    assert (store.head("k").etag, store.head("k").modified) == (hashlib.md5(b"two").hexdigest(), 1_700_000_000)
