"""The status page in Chromium: without scripts, light and dark, on a large screen and on a phone's.

axe-core looks whether people who cannot see it, or use a keyboard alone, can use it too (WCAG 2.2 AA).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.browser import Browser, Page
from tests.harness.npm import packages
from tests.harness.phone import hang_up, talk
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

SCREENS = {"large": (1280, 900), "phone": (390, 844)}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def box() -> Iterator[Sipbox]:
    """A server with two phones, a call that was answered, one that was not, a wrong password and a ban."""
    with Sipbox(agent=True) as server:
        server.add_subscribers({"10": "one secret", "11": "another secret"})
        with (
            server.phone("10", "one secret") as caller,
            server.phone("11", "another secret") as callee,
            server.phone("10", "guessed") as wrong,
        ):
            for phone in (caller, callee):
                assert phone.register().status == 200
            dialog, _ = talk(caller, callee)
            hang_up(caller, callee, dialog)
            assert wrong.register().status in (401, 403)
        server.cli("ban", "add", "192.0.2.66", "--seconds", "7200")
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture(scope="module")
def page(box: Sipbox, browser: Browser) -> Page:
    url = f"http://127.0.0.1:{box.agent_port}/"
    opened = browser.open(url)

    def checked() -> bool:
        opened.ask("location.reload()")
        return bool(opened.ask("document.querySelectorAll('.checks li').length > 5"))

    wait_until("the diagnosis is on the page", checked, timeout=60, every=1.0)
    return opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_everybody_can_use_it(page: Page, screen: str, scheme: str, tmp_path: Path) -> None:
    width, height = SCREENS[screen]
    page.wear(width=width, height=height, scheme=scheme)
    page.ask((packages() / "node_modules" / "axe-core" / "axe.min.js").read_text() + "; true")
    found = page.ask(f"axe.run({{runOnly: {json.dumps(RULES)}}}).then(result => result.violations)")
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []
    assert page.ask("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the screen"
    (tmp_path / f"status-{screen}-{scheme}.png").write_bytes(page.picture())


def test_it_tells_what_has_happened(page: Page) -> None:
    text = page.ask("document.body.innerText")
    assert page.ask("document.querySelectorAll('script').length") == 0
    for told in ("2\nphones registered", "answered (200)", "REGISTER as 10@", "Checks", "192.0.2.66"):
        assert told in text, told
    assert page.ask("document.querySelector('.verdict strong').innerText")
    (ban,) = page.ask(
        "[...document.querySelectorAll('[aria-labelledby=bans] tbody tr')].map(row => row.innerText)"
    )
    assert "192.0.2.66\tadministrator\t" in ban
    assert ban.endswith(" left")


def test_it_is_shown_anew_when_that_is_wished(box: Sipbox, browser: Browser) -> None:
    opened = browser.open(f"http://127.0.0.1:{box.agent_port}/?every=2")
    opened.ask("window.seen = true")
    wait_until("it is another one", lambda: not opened.ask("Boolean(window.seen)"), timeout=30, every=0.5)
