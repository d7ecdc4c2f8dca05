"""XML replies of COS and Cloud Infinite, read with care: what they may not hold is refused before a parser sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.errors import QueryError, ReplyTooLarge, UpstreamFailed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: The largest XML read, in bytes. Elements take some 25 times their text, and a function has 64 MB.
MAX_XML = 1024 * 1024


def parse_xml(body: bytes, upstream: str) -> Element:
    """Return the root of an XML reply; `upstream` names the sender in messages.

    Neither service sends a document type, so one is refused as it stands: without it there are no entities to expand.
    Raises ReplyTooLarge, or UpstreamFailed for what is not such XML: retryable, since a reply may arrive damaged.
    """
    from xml.etree import ElementTree  # most invocations read no XML, so their cold start need not load it

    if len(body) > MAX_XML:
        raise ReplyTooLarge(f"the reply of {upstream} is larger than {MAX_XML} bytes of XML")
    try:
        text = body.decode("utf-8-sig")  # an encoding that the XML declares itself could hide a document type
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise UpstreamFailed(f"{upstream} sent XML with a document type, which is not read")
        return ElementTree.fromstring(text)  # noqa: S314 - no document type, no entities
    except (ValueError, ElementTree.ParseError) as error:
        raise _no_xml(upstream) from error


def _no_xml(upstream: str) -> QueryError:
    return UpstreamFailed(f"{upstream} answered with something that is no XML", retryable=True)


def error_code(body: bytes) -> str:
    """Return the Code of an error document, "" without one: for one flat element a pattern does, and no parser."""
    found = re.search(rb"<Code>([\w. ]{1,64})</Code>", body)
    return found.group(1).decode() if found else ""
