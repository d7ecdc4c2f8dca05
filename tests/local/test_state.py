"""The state directory: lock, export, import, reset."""

from __future__ import annotations

import asyncio
import os
import zipfile
from pathlib import Path

import pytest

from local import keys
from local.__main__ import main
from local.cloud import Cloud
from local.cos.store import CosStore
from local.state import StateError, export_state, import_state, locked, reset_state
from tests.support.paths import ROOT


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with one object in it."""
    CosStore(tmp_path / "state").put("a/b.json", b"[1]", {"Content-Type": "application/json"})
    return tmp_path / "state"


def content(state: Path) -> dict[str, bytes]:
    store = CosStore(state)
    return {key: store.get(key).body for key in store.list().keys}


def opened(state: Path) -> Cloud:
    """A cloud that has read the state, and let it go."""
    cloud = Cloud(ROOT, state, {})
    asyncio.run(cloud.stop())
    return cloud


def test_a_directory_is_held_by_one_at_a_time(state: Path) -> None:
    with locked(state):
        for action in (lambda: locked(state), lambda: reset_state(state), lambda: export_state(state, state / "x.zip")):
            with pytest.raises(StateError, match=r"in use by another local cloud; see LOCAL_STATE and --state"):
                action()
    with locked(state):
        assert content(state) == {"a/b.json": b"[1]"}


def test_a_directory_that_can_not_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="LOCAL_STATE"):
        locked(tmp_path / "file" / "state")


def test_an_import_replaces_the_state_by_the_export(state: Path, tmp_path: Path) -> None:
    exported, other = tmp_path / "state.zip", tmp_path / "other"
    files = export_state(state, exported)
    CosStore(other).put("old", b"x", {})
    assert import_state(other, exported) == files
    assert content(other) == {"a/b.json": b"[1]"}
    assert CosStore(other).get("a/b.json").headers == {"Content-Type": "application/json"}


def test_what_is_neither_file_nor_folder_is_not_exported(state: Path, tmp_path: Path) -> None:
    os.mkfifo(state / "pipe")
    (state / "link").symlink_to(tmp_path / "gone")
    export_state(state, tmp_path / "state.zip")
    assert not {"pipe", "link"} & set(zipfile.ZipFile(tmp_path / "state.zip").namelist())


def test_what_a_killed_cloud_was_writing_is_removed_by_the_next(state: Path) -> None:
    left = state / ".incoming" / "left"
    left.write_bytes(b"half an obj")
    opened(state)
    assert not left.exists()
    assert content(state) == {"a/b.json": b"[1]"}


def test_a_file_with_the_name_of_a_bucket_is_none(state: Path) -> None:
    (state / f"notes-{keys.APP_ID}").write_text("")
    assert list(opened(state).buckets.services) == [keys.BUCKET]


@pytest.mark.parametrize("name", [".scf/account.json/folder", ".headers", keys.BUCKET])
def test_a_state_that_can_not_be_used_is_reported_and_let_go(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.mkdir(parents=True) if name.endswith("folder") else path.write_text("")
    for _ in range(2):
        with pytest.raises(StateError, match=rf"{name.removesuffix('/folder')}.* can't be used \(.*; see LOCAL_STATE"):
            Cloud(ROOT, tmp_path, {})


def test_a_file_that_is_no_export_changes_nothing(state: Path, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_text("no zip")
    with pytest.raises(StateError, match=r"no\.zip can't be read as an exported state"):
        import_state(state, tmp_path / "no.zip")
    assert content(state) == {"a/b.json": b"[1]"}


@pytest.mark.parametrize(
    ("name", "comment"),
    [("/etc/x", b"1"), (".lock", b"1"), (".lock/x", b"1"), (".importing/x", b"1"), ("run/x", b"9" * 400)],
)
def test_a_zip_that_would_spoil_the_state_changes_nothing(
    state: Path, tmp_path: Path, name: str, comment: bytes
) -> None:
    info = zipfile.ZipInfo(name)
    info.comment = comment
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(info, "x")
    with pytest.raises(StateError, match="can't be read as an exported state"):
        import_state(state, tmp_path / "evil.zip")
    assert content(state) == {"a/b.json": b"[1]"}
    assert not (state / ".importing").exists()


def test_a_damaged_export_changes_nothing(state: Path, tmp_path: Path) -> None:
    exported = tmp_path / "state.zip"
    export_state(state, exported)
    good = exported.read_bytes()
    damaged = [info for info in zipfile.ZipFile(exported).infolist() if info.file_size]
    starts = [info.header_offset + 30 + len(info.filename) for info in damaged]  # 30: the length of a local header
    for place in (start + step for start in starts for step in range(3)):
        exported.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        with pytest.raises(StateError, match="can't be read as an exported state"):
            import_state(state, exported)
    assert content(state) == {"a/b.json": b"[1]"}


def test_a_zip_that_leads_out_of_the_directory_is_no_export(state: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../escaped", "x")
        archive.writestr("media-1253125191/../../../escaped", "x")
    with pytest.raises(StateError, match=r"evil\.zip can't be read as an exported state: it has \.\."):
        import_state(state, tmp_path / "evil.zip")
    assert not list(tmp_path.parent.rglob("escaped"))
    assert content(state) == {"a/b.json": b"[1]"}


def test_an_empty_bucket_is_exported_and_so_is_an_empty_state(state: Path, tmp_path: Path) -> None:
    (state / "empty-1253125191").mkdir()
    export_state(state, tmp_path / "state.zip")
    assert import_state(tmp_path / "other", tmp_path / "state.zip") == 2
    assert (tmp_path / "other" / "empty-1253125191").is_dir()
    export_state(tmp_path / "nothing", tmp_path / "nothing.zip")
    assert import_state(tmp_path / "other", tmp_path / "nothing.zip") == 0
    assert not (tmp_path / "other" / "empty-1253125191").exists()


def test_a_directory_with_other_files_is_not_emptied(state: Path, tmp_path: Path) -> None:
    export_state(state, tmp_path / "state.zip")
    (state / "thesis.doc").write_text("years of work")
    for action in (lambda: reset_state(state), lambda: import_state(state, tmp_path / "state.zip")):
        with pytest.raises(StateError, match=r"has thesis\.doc, .* nothing is removed; see LOCAL_STATE"):
            action()
    assert (state / "thesis.doc").read_text() == "years of work"
    assert content(state) == {"a/b.json": b"[1]"}


def test_an_export_that_can_not_be_written_is_reported(state: Path, tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"no/out\.zip can't be written \(No such file or directory\)"):
        export_state(state, tmp_path / "no" / "out.zip")


def test_a_reset_leaves_nothing(state: Path) -> None:
    reset_state(state)
    assert content(state) == {}


def test_the_commands(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--state", str(state)]
    assert main(["state", "export", str(tmp_path / "out.zip"), *options]) == 0
    assert main(["state", "reset", *options]) == 0
    assert content(state) == {}
    assert main(["state", "import", str(tmp_path / "out.zip"), *options]) == 0
    assert content(state) == {"a/b.json": b"[1]"}
    with locked(state):
        assert main(["state", "reset", *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1
