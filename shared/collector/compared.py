"""Which ids of a list the parts are known to hold, while one sweep after the other compares them with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple


class Compared(NamedTuple):
    """What has been found of one version of a list: `found` has a bit for each of its ids, in hexadecimal digits."""

    version: str = ""
    found: str = ""

    def ids(self, version: str, listed: Sequence[str]) -> set[str]:
        """The ids of a list that were found; none when it is another version."""
        if version != self.version:
            return set()
        bits = bytes.fromhex(self.found)
        return {
            vid for number, vid in enumerate(listed) if number < 8 * len(bits) and bits[number >> 3] >> (number & 7) & 1
        }


def compared(version: str, listed: Sequence[str], found: Collection[str]) -> Compared:
    """Note which ids of a list have been found."""
    bits = bytearray(len(listed) // 8 + 1)
    for number, vid in enumerate(listed):
        bits[number >> 3] |= (vid in found) << (number & 7)
    return Compared(version, bits.hex())


def compared_in(kept: object) -> Compared:
    """What an object remembers of a comparison; nothing of what is no such thing."""
    told = kept if isinstance(kept, Mapping) else {}
    version, found = told.get("version"), told.get("found")
    try:
        bytes.fromhex(found if isinstance(found, str) else "-")
    except ValueError:
        return Compared()
    return Compared(str(version or ""), str(found))
