"""The reviewer's way from the queue to the exported gold in a real browser, with the keyboard alone.

Debian's chromium with its driver and selenium; skipped where one of them is missing.
"""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from review_cases import FLOOD, rows, write
from sqlalchemy.orm import Session

from nlp.gold import load_gold
from nlp.review import store
from nlp.review.app import create_app
from nlp.review.database import engine
from nlp.review.readings import reading, readings_of
from nlp.review.security import Guard

webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium (pip install 'wenze[test]')")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no browser here (on Debian: apt-get install chromium chromium-driver)"
)
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
WAIT = 30.0
# How what has the focus is framed; nothing where the focus has left the page.
OUTLINE = """const at = document.activeElement, style = getComputedStyle(at);
return at === document.body ? null : style.outlineStyle + style.outlineWidth"""
ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"


class Window:
    """A browser whose user has a keyboard and nothing else."""

    def __init__(self, folder: Path, address: str) -> None:
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.binary_location = CHROMIUM
        self.downloads = folder / "downloads"
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.address = address

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is; they stay on the page."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def turn(self, *keys: str) -> None:
        """Press keys of which the last leads to another page, and wait for it."""
        before = self.driver.find_element("tag name", "html")
        self.press(*keys)
        self.until(lambda: _gone(before))
        self.until(lambda: self.ask("return document.readyState === 'complete'"))

    def until(self, seen: Callable[[], Any]) -> Any:
        end = time.monotonic() + WAIT
        while not (told := seen()):
            assert time.monotonic() < end, f"waited {WAIT} s in vain; the page:\n{self.text}"
            time.sleep(0.05)
        return told

    def ask(self, script: str) -> Any:
        return self.driver.execute_script(script)

    @property
    def text(self) -> str:
        return str(self.driver.find_element("tag name", "body").text)

    @property
    def focus(self) -> str:
        """What has the focus, by its id or its name."""
        return str(self.ask("const at = document.activeElement; return at.id || at.name || at.tagName"))

    def sign_in(self, name: str) -> None:
        self.open("/")
        self.turn(name, ENTER)


def _gone(element: Any) -> bool:
    from selenium.common.exceptions import StaleElementReferenceException, WebDriverException

    try:
        element.is_enabled()
    except (StaleElementReferenceException, WebDriverException):
        return True
    return False


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Window]]:
    """Two browsers; each test serves a database of its own at the address they know."""
    made = [Window(tmp_path_factory.mktemp("window"), "") for _ in range(2)]
    yield made
    for window in made:
        window.driver.quit()


@pytest.fixture
def served(windows: list[Window], tmp_path: Path) -> Iterator[tuple[Any, Window, Window]]:
    opened = engine(str(tmp_path / "review.db"))
    with Session(opened) as session, session.begin():
        store.import_readings(session, readings_of(write(tmp_path / "scored.jsonl", rows()), pytest.fail))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(opened, Guard()), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    for window in windows:
        window.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        window.driver.delete_all_cookies()
    yield opened, windows[0], windows[1]
    server.should_exit = True
    thread.join()
    opened.dispose()


def test_from_the_queue_to_gold_with_the_keyboard_alone(served: tuple[Any, Window, Window]) -> None:
    _, window, _ = served
    window.sign_in("甲")
    window.press("j", "k", "?")
    window.until(lambda: "领取这起案件" in window.text)
    window.press(ESCAPE)
    window.until(lambda: "领取这起案件" not in window.text)
    window.turn("k", ENTER)
    assert window.focus == "card-1"
    window.turn("y")
    assert window.focus == "card-2"
    window.turn("u")
    window.turn("n")
    window.turn("z")
    assert window.focus == "card-3"
    window.turn("n")
    window.press("c", "只看通报，证据不足")
    window.turn(TAB, ENTER)
    assert "只看通报，证据不足" in window.text
    window.turn("f")
    window.press(*[TAB] * 2)
    window.turn(ENTER)
    assert "已确认无误" in window.text
    window.turn("d")
    assert "2 / 3" not in window.text
    assert "S1号通报" in window.driver.title
    window.turn("n")
    window.turn("d")
    window.press("a")
    window.press("以下级代替上级", TAB, "区城管局党组", TAB, TAB)
    window.turn(TAB, ENTER)
    window.turn("d")
    window.turn("b")
    assert "一人判完 3 起" in window.text
    window.open("/export")
    window.press(ENTER)
    file = window.until(lambda: next(window.downloads.glob("*.jsonl"), None) if window.downloads.exists() else None)
    gold = {case.text[:4]: case for case in load_gold(file)}
    assert {label: one.verdict for label, one in gold[FLOOD[:4]].labels.items()} == {
        "rushed": "yes",
        "deputy_for_chief": "unsure",
    }
    assert gold[FLOOD[:4]].fields is not None
    assert gold[FLOOD[:4]].note == "只看通报，证据不足"
    assert list(gold["2022"].labels) == ["junior_for_senior"]


def test_whatever_has_the_focus_can_be_seen(served: tuple[Any, Window, Window]) -> None:
    _, window, _ = served
    window.sign_in("甲")
    key = reading(rows()[0]).key
    for path in ("/", f"/case/{key}", f"/case/{key}/fields"):
        window.open(path)
        seen = set()
        for _ in range(25):
            window.press(TAB)
            seen.add(window.ask(OUTLINE))
        assert seen - {None} == {"solid3px"}


def test_two_browsers_lose_no_update(served: tuple[Any, Window, Window]) -> None:
    opened, here, there = served
    key = reading(rows()[0]).key
    for window, name in ((here, "甲"), (there, "乙")):
        window.sign_in(name)
        window.open(f"/case/{key}")
    here.turn("m")
    there.turn("m")
    assert "已有改动" in there.text
    assert "一审：甲" in there.text
    there.open(f"/case/{key}")
    there.turn("m")
    here.turn("y")
    there.turn("n")
    with Session(opened) as session:
        held = store.judgements(session, key)
        record = store.case(session, key)
    assert record is not None
    assert (record.first, record.second) == ("甲", "乙")
    assert (held["甲"].verdicts["rushed"].verdict, held["乙"].verdicts["rushed"].verdict) == ("yes", "no")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_its_window_and_none_breaks_its_policy(
    served: tuple[Any, Window, Window], width: int
) -> None:
    _, window, _ = served
    window.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    window.sign_in("甲")
    window.driver.get_log("browser")
    key = reading(rows()[0]).key
    for path in ("/", f"/case/{key}", f"/case/{key}/fields", "/progress", "/export"):
        window.open(path)
        assert window.ask("return document.documentElement.scrollWidth") <= width, path
    window.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert [line["message"] for line in window.driver.get_log("browser") if line["level"] == "SEVERE"] == []
