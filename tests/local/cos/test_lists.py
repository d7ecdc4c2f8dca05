"""Lists of objects: GET Bucket."""

from __future__ import annotations

import hashlib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from local.cos.service import CosService
from local.cos.store import CosStore, StoredObject
from local.keys import BUCKET, REGION
from tests.support.cos import NOW, Client, code_of, texts


@pytest.fixture
def listed(client: Client) -> Client:
    for key in ("a b", "d/1", "d/2", "z<&>", "é"):
        client("PUT", key, body=b"x")
    return client


def test_a_list_is_the_documented_xml(client: Client) -> None:
    client("PUT", "a/b", body=b"x")
    reply = client("GET")
    assert (reply.headers["Content-Type"], reply.headers["x-cos-bucket-region"]) == ("application/xml", REGION)
    root = ET.fromstring(reply.body)
    assert [node.tag for node in root] == ["Name", "Prefix", "Marker", "MaxKeys", "IsTruncated", "Contents"]
    contents = root.find("Contents")
    assert contents is not None
    assert [(node.tag, node.text) for node in contents if node.tag != "Owner"] == [
        ("Key", "a/b"),
        ("LastModified", "2023-11-14T22:13:20.000Z"),
        ("ETag", f'"{hashlib.md5(b"x").hexdigest()}"'),
        ("Size", "1"),
        ("StorageClass", "STANDARD"),
    ]
    assert [node.text for node in contents.iterfind("Owner/*")] == ["1253125191"] * 2
    assert (root.findtext("Name"), root.findtext("MaxKeys"), root.findtext("IsTruncated")) == (BUCKET, "1000", "false")


def test_list_parameters(listed: Client) -> None:
    assert texts(listed("GET"), "Contents/Key") == ["a b", "d/1", "d/2", "z<&>", "é"]
    assert texts(listed("GET", query={"prefix": "d/"}), "Contents/Key") == ["d/1", "d/2"]
    assert texts(listed("GET", query={"marker": "d/1"}), "Contents/Key") == ["d/2", "z<&>", "é"]
    grouped = listed("GET", query={"delimiter": "/"})
    assert texts(grouped, "Contents/Key") == ["a b", "z<&>", "é"]
    assert texts(grouped, "CommonPrefixes/Prefix") == ["d/"]
    assert texts(grouped, "Delimiter") == ["/"]


def test_list_pages(listed: Client) -> None:
    page = listed("GET", query={"max-keys": "2", "delimiter": "/"})
    assert texts(page, "IsTruncated") == ["true"]
    assert texts(page, "NextMarker") == ["d/"]
    rest = listed("GET", query={"max-keys": "2000", "delimiter": "/", "marker": "d/"})
    assert texts(rest, "Contents/Key") == ["z<&>", "é"]
    assert (texts(rest, "IsTruncated"), texts(rest, "NextMarker"), texts(rest, "MaxKeys")) == (["false"], [], ["1000"])


def test_a_page_has_1000_entries_at_most(client: Client) -> None:
    for number in range(1001):
        client.store.put(f"{number:04}", b"", {})
    reply = client("GET")
    assert len(texts(reply, "Contents")) == 1000
    assert texts(reply, "NextMarker") == ["0999"]


def test_encoded_lists(listed: Client) -> None:
    reply = listed("GET", query={"encoding-type": "url", "prefix": "é", "marker": "d/"})
    assert texts(reply, "Contents/Key") == ["%C3%A9"]
    assert (texts(reply, "Prefix"), texts(reply, "Marker")) == (["%C3%A9"], ["d%2F"])
    assert texts(reply, "EncodingType") == ["url"]


def test_a_list_is_well_formed_whatever_the_keys(client: Client) -> None:
    client("PUT", "a\x00\r\x1bb", body=b"x")
    assert texts(client("GET"), "Contents/Key") == ["a\ufffd\ufffd\ufffdb"]
    assert texts(client("GET", query={"encoding-type": "url"}), "Contents/Key") == ["a%00%0D%1Bb"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"max-keys": "0"}, "InvalidArgument"),
        ({"max-keys": "-1"}, "InvalidArgument"),
        ({"max-keys": "many"}, "InvalidArgument"),
        ({"encoding-type": "base64"}, "InvalidArgument"),
        ({"delimiter": "--"}, "InvalidDelimiter"),
    ],
)
def test_list_parameters_that_are_wrong(client: Client, query: dict[str, str], code: str) -> None:
    assert code_of(client("GET", query=query)) == code


def test_an_object_deleted_meanwhile_is_left_out(tmp_path: Path) -> None:
    class Busy(CosStore):
        def head(self, key: str) -> StoredObject:
            self.delete("gone")
            return super().head(key)

    store = Busy(tmp_path)
    for key in ("a", "gone", "z"):
        store.put(key, b"", {})
    reply = Client(CosService(store, clock=lambda: NOW))("GET")
    assert texts(reply, "Contents/Key") == ["a", "z"]
