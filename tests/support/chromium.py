"""The distribution's Chromium and its driver, which the browser tests need and nothing here downloads."""

from __future__ import annotations

import shutil
from typing import NamedTuple

HOW_TO_GET_ONE = "apt-get install -y chromium chromium-driver"


class Chromium(NamedTuple):
    """Where the two programs are."""

    browser: str
    driver: str


def find() -> Chromium | None:
    """Return the browser and the driver of its version, None unless both are there."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((path for path in map(shutil.which, names) if path), None)
    driver = shutil.which("chromedriver")
    return Chromium(browser, driver) if browser and driver else None
