"""The page as a person has it before them: what is typed and pressed, and what is to be seen."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

#: Runs before the page's own script: keeps what the policy refuses, and lets the page's pauses pass faster.
PREPARE = """
window.refused = [];
addEventListener("securitypolicyviolation", event => refused.push(`${event.violatedDirective} ${event.blockedURI}`));
const unhurried = window.setTimeout;
window.setTimeout = (act, milliseconds, ...rest) => unhurried(act, milliseconds / 100, ...rest);
"""
#: A file that somebody drops on the page.
DROP = """
const transfer = new DataTransfer();
transfer.items.add(new File([arguments[1]], arguments[0]));
document.body.dispatchEvent(new DragEvent("dragover", {bubbles: true, cancelable: true, dataTransfer: transfer}));
const dropping = document.body.className;
document.body.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: transfer}));
return dropping;
"""
ROWS = """
const text = cell => cell.innerText.replace(/\\s+/g, " ");
return [...document.querySelectorAll("tbody tr")].map(tr => [...tr.children].map(text));
"""


class Window:
    """One tab on one of the functions' pages."""

    def __init__(self, driver: webdriver.Chrome, gateway: str, downloads: Path) -> None:
        self.driver = driver
        self.gateway = gateway
        self._downloads = downloads
        self._do("Page.addScriptToEvaluateOnNewDocument", source=PREPARE)
        self._do("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        self._do("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        self.speak("en-US,en")
        self._log()  # what an earlier tab left is read, and so gone

    def _do(self, command: str, **options: object) -> None:
        self.driver.execute_cdp_cmd(command, options)

    def _log(self) -> list[dict[str, Any]]:
        """Take the lines out of the browser's log."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call] # by Selenium
        return entries

    def speak(self, languages: str) -> None:
        """Set the languages that the browser prefers."""
        agent = self.driver.execute_script("return navigator.userAgent")
        self._do("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=languages)

    def open(self, path: str = "/query-video") -> None:
        """Load a path of the gateway."""
        self.driver.get(self.gateway + path)

    def element(self, name: str) -> WebElement:
        """The element with an id."""
        return self.driver.find_element(By.ID, name)

    def all(self, selector: str) -> list[WebElement]:
        """The elements of a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, name: str) -> str:
        """The text to be seen in the element with an id."""
        return self.element(name).text

    def press(self, name: str) -> None:
        """Click on the element with an id."""
        self.element(name).click()

    def type(self, *keys: str) -> None:
        """Type keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def ask(self, *vids: str) -> None:
        """Put ids into the box, one a line, and ask."""
        self.driver.execute_script("arguments[0].value = arguments[1]", self.element("ids"), "\n".join(vids))
        self.element("question").find_element(By.CSS_SELECTOR, "button.main").click()

    def drop(self, name: str, content: str) -> None:
        """Drop a file on the page, which shows that it may be."""
        assert self.driver.execute_script(DROP, name, content) == "dropping"

    def until(self, condition: Callable[[], T]) -> T:
        """Wait until a condition is true and return what it is."""
        return WebDriverWait(self.driver, 60, poll_frequency=0.05).until(lambda _: condition())

    def done(self) -> None:
        """Wait until everything that was asked has an outcome."""
        answer = self.element("answer")
        self.until(lambda: answer.is_displayed() and answer.get_attribute("aria-busy") == "false")

    def rows(self) -> list[list[str]]:
        """The rows of the table as they are shown: number, id, outcome, details, two times, files."""
        rows: list[list[str]] = self.driver.execute_script(ROWS)
        return rows

    def column(self, index: int) -> list[str]:
        """One column of the rows shown."""
        return [row[index] for row in self.rows()]

    def counts(self) -> dict[str, str]:
        """The filters that are shown: the number on each by its word."""
        words, numbers = ([part.text for part in self.all(f"#filters label {tag}")] for tag in ("span", "b"))
        return {word: number for word, number in zip(words, numbers, strict=True) if word}

    def choose(self, outcome: str) -> None:
        """Show only the rows of an outcome, or all."""
        self.driver.find_element(By.CSS_SELECTOR, f"#filters label:has([value={outcome}])").click()

    def search(self, words: str) -> None:
        """Show only the rows in which these words are."""
        self.element("search").send_keys(Keys.CONTROL, "a")
        self.element("search").send_keys(words)

    def download(self) -> tuple[bytes, list[dict[str, str]]]:
        """Press the button and return the file: its bytes, and its rows as a spreadsheet reads them."""
        self.press("save")
        path = self.until(lambda: next(self._downloads.glob("*.csv"), None))
        assert path
        content = path.read_bytes()
        path.unlink()
        return content, list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))

    def kept(self) -> Any:
        """What the browser keeps: for the session, for good, and in the address."""
        script = "return JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie, location.href])"
        return json.loads(self.driver.execute_script(script))

    def complaints(self) -> Sequence[str]:
        """What the policy refused and what the script threw; a reply with an error status is neither."""
        refused = [str(one) for one in self.driver.execute_script("return window.refused || []")]
        log = [str(entry["message"]) for entry in self._log() if entry["source"] != "network"]
        return [*refused, *log]
