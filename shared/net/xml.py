"""XML replies of COS and Cloud Infinite. What they may not contain is refused before a parser sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.errors import UpstreamFailed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: The largest XML received, in bytes. Elements take some 25 times the memory of their text, and a function has 64 MB.
MAX_XML = 1024 * 1024


def parse_xml(body: bytes, upstream: str) -> Element:
    """Return the root of an XML reply of at most `MAX_XML` bytes; `upstream` names the sender in messages.

    Neither service sends a document type, so a reply with one is refused: without it there are no entities to expand.
    Raises UpstreamFailed, which is retryable for what is no XML, since a reply may arrive damaged.
    """
    from xml.etree import ElementTree  # late: most invocations read no XML

    try:
        text = body.decode("utf-8-sig")  # an encoding declared in the XML could hide a document type
        if "<!DOCTYPE" in text:
            raise UpstreamFailed(f"{upstream} sent XML with a document type, which is not read")
        return ElementTree.fromstring(text)  # noqa: S314 - no document type, no entities
    except (ValueError, ElementTree.ParseError) as error:
        raise UpstreamFailed(f"{upstream} did not answer with XML", retryable=True) from error


def error_code(body: bytes) -> str:
    """Return the Code of an error document, "" without one. A pattern is enough for one flat element."""
    found = re.search(rb"<Code>([\w. ]{1,64})</Code>", body)
    return found.group(1).decode() if found else ""
