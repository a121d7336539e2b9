"""The page of a report: everything counted is on it, the special findings are drawn, and no name can break it."""

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from trimtab.cli.dataset.page import report_page
from trimtab.cli.dataset.plots import bars

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SHORTCUTS = {
    "length": {"auc": {"value": 0.81, "low": 0.76, "high": 0.86, "n": 400}, "best_accuracy": 0.74, "alarm": True},
    "markdown": {"auc": {"value": 0.52, "low": 0.46, "high": 0.58, "n": 400}, "best_accuracy": 0.53, "alarm": False},
}
REPORT: dict[str, Any] = {
    "read": 1210,
    "kept": {"examples": 1000, "comparisons": 150, "unpaired": 0},
    "by_source": {"traces": 1000, "a source with a very long name that would not fit beside its count": 150},
    "by_domain": {f"domain {i}": 100 - i for i in range(30)},
    "by_action": {"answer": 700, "call_tool": 200, "decline": 100},
    "by_difficulty": {"easy": 600, "hard": 100, "medium": 300},
    "by_format": {"messages": 1150},
    "by_license": {"none": 1150},
    "drops": {
        "by_reason": {"malformed": 20, "near duplicate": 40},
        "rows": [{"reason": "malformed", "detail": "<script>alert(1)</script>", "file": "a.jsonl", "line": i}
                 for i in range(20)],
    },
    "formats": {"a.jsonl": "messages: chats"},
    "repairs": {"by_kind": {"whitespace": 3},
                "rows": [{"kind": "whitespace", "detail": "2 spaces", "file": "b.jsonl", "line": 7}]},
    "findings": {
        "mix": {"answer": {"share": 0.5, "wanted": 500, "had": 700, "taken": 500, "short": 0},
                "decline": {"share": 0.5, "wanted": 500, "had": 100, "taken": 100, "short": 400}},
        "preferences": {"shortcuts": {"features": SHORTCUTS}, "sentences": ["longer answers win"]},
        "dedupe": {"clusters": 31, "sizes": {"2": 25, "3": 5, "11": 1}},
        "quarantine": {"digest": "abc", "cases": 150},
    },
}  # fmt: skip


class Tags(HTMLParser):
    """Checks that what is opened is closed, and collects what a browser would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
        if tag not in ("meta", "rect", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line", "circle"):
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    return report_page(REPORT, "A <report>")


def test_the_page_is_whole_and_loads_and_runs_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.seen
    assert "A &lt;report&gt;" in page
    assert "{{" not in page


def test_counts_reasons_places_and_files_are_all_there(page: str) -> None:
    for text in ("1,210", "call_tool", "malformed: 20, the first 12", "a.jsonl:11", "b.jsonl:7", "messages: chats"):
        assert text in page
    assert "By licence" not in page, "a panel that only says none is left out"


def test_strata_shortcuts_and_cluster_sizes_are_drawn(page: str) -> None:
    assert "100 of 500 · 400 short" in page
    assert "0.81 [0.76, 0.86]" in page
    assert re.search(r'<circle class="alarm"[^>]*/>', page)
    assert re.search(r'aria-label="sizes: 2 25, 3 5, 11 1"', page), "sizes keep the order of numbers"


def test_more_names_than_fit_are_added_up_and_not_lost() -> None:
    drawn = bars({f"n{i}": 1 for i in range(100)}, "many")
    assert "77 others" in drawn


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver (Debian: chromium chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path / 'c'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


def test_a_browser_shows_it_on_a_phone_and_on_a_desk_without_sideways_scrolling(
    browser: Any, page: str, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    for width in (390, 1280):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get((tmp_path / "page.html").as_uri())
        inner, whole = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
        assert whole <= inner == width
        assert len(browser.find_elements("css selector", "svg")) >= 9
