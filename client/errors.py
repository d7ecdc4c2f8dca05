"""The client's errors: one line each, safe to print."""

from __future__ import annotations


class ClientError(Exception):
    """The command can't run; the message says what to change."""


def printable(text: str) -> str:
    """Return a text that is safe for a terminal: control characters become visible escapes.

    Messages, records and cells come from other machines and people.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("ascii", "backslashreplace").decode()
        if ord(char) > 127
        else f"\\x{ord(char):02x}"
        for char in text
    )
