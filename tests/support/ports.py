"""Ports for programs that get theirs from whoever starts them."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

import pytest

#: Systems give out ports above these to whoever asks for any (Linux from 32768, macOS from 49152).
FROM, TO = 10_000, 32_000


def free_ports() -> int:
    """Return a port that is free, and so are the three above it."""
    while True:
        first = random.randrange(FROM, TO, 4)
        with ExitStack() as probes:
            try:
                for port in range(first, first + 4):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first


@pytest.fixture
def free_port() -> int:
    """Such a port."""
    return free_ports()
