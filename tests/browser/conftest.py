"""A real Chromium over the local cloud. Whatever its policy refuses, or its script throws, fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.browser.window import Window
from tests.support import chromium
from tests.support.live import LiveCloud, live, shared_cloud

__all__ = ["chrome", "live", "shared_cloud", "window"]

CHROMIUM = chromium.find()
#: Without a Chromium there is nothing to collect; tests/conftest.py says how to get one.
collect_ignore_glob = [] if CHROMIUM else ["test_*.py"]

#: As root Chromium needs --no-sandbox; the rest keeps it from asking the network for anything.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"),
    *("--disable-quic", "--disable-background-networking", "--disable-component-update", "--window-size=1280,900"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for all tests; each uses it through `window`."""
    assert CHROMIUM
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM.browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMIUM.driver))
    yield driver
    driver.quit()


@pytest.fixture
def window(chrome: webdriver.Chrome, live: LiveCloud, tmp_path: Path) -> Iterator[Window]:
    """A new tab that speaks English and downloads to `tmp_path`; at the end nothing in it went wrong."""
    first = chrome.current_window_handle
    chrome.switch_to.new_window("tab")
    window = Window(chrome, live.cloud.gateway, tmp_path)
    yield window
    complaints = window.complaints()
    chrome.close()
    chrome.switch_to.window(first)
    assert complaints == []
