"""The dashboard in a real browser: it renders, nothing is blocked, and the switch works as a person would use it."""

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from tests.web.test_dashboard import canary_status, status
from trimtab.serve import bind, url_of
from trimtab.web import create_dashboard

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver (Debian: chromium chromium-driver)"
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--window-size=1100,1400")  # fmt: skip


@pytest.fixture
def turned() -> list[str | None]:
    return []


@pytest.fixture
def url(turned: list[str | None]) -> Iterator[str]:
    """The dashboard on a free loopback port."""

    def rollback(which: str | None) -> str:
        turned.append(which)
        return "old"

    listener = bind("127.0.0.1", 0)
    app = create_dashboard(lambda: status(canary_status(complaints=30)), rollback, "secret")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield url_of(listener)
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def browser(tmp_path: Any) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


def wait_for_notice(browser: Any, text: str) -> None:
    """A click only begins to load the next page."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    def shown(driver: Any) -> bool:
        return text in driver.find_element("css selector", "[role=status]").text

    loading = (NoSuchElementException, StaleElementReferenceException)
    WebDriverWait(browser, 30, ignored_exceptions=loading).until(shown)


def test_a_person_reads_the_verdict_and_rolls_back(browser: Any, url: str, turned: list[str | None]) -> None:
    browser.get(url)
    assert browser.find_element("id", "verdict").text.lower() == "roll back"
    assert "complaint" in browser.find_element("id", "drivers").text
    spans = browser.find_elements("css selector", ".canary .span")
    assert any(span.size["width"] > 10 for span in spans)
    complaints = [line for line in browser.get_log("browser") if "favicon" not in line["message"]]
    assert complaints == []
    browser.find_element("name", "token").send_keys("wrong")
    browser.find_element("css selector", "button").click()
    wait_for_notice(browser, "nothing was changed")
    browser.find_element("name", "token").send_keys("secret")
    browser.find_element("css selector", "button").click()
    wait_for_notice(browser, "Rolled back")
    assert turned == [None]
