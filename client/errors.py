"""What can't be done, in one line for the person who typed the command."""

from __future__ import annotations


class ClientError(Exception):
    """The message says what is wrong and what to change."""


def printable(text: str) -> str:
    """A text that can't steer a terminal: control characters and the like become visible escapes.

    Messages and records come from other machines, cells from anybody's spreadsheet.
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
