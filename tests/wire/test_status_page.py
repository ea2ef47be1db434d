"""The agent's pages over HTTPS with a password, and what the diagnosis has found, there and as a metric."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.harness.certificate import self_signed
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

PASSWORD = "correct horse battery"


class Secured:
    """A server whose agent speaks HTTPS."""

    def __init__(self, directory: Path) -> None:
        self.certificate, key = self_signed(directory, "127.0.0.1")
        password = directory / "page.password"
        password.write_text(f"{PASSWORD}\n")
        self.box = Sipbox(
            agent=True,
            settings={
                "agent": {
                    "certificate": str(self.certificate),
                    "certificate_key": str(key),
                    "password_file": str(password),
                }
            },
        )

    def get(self, path: str, password: str = "") -> tuple[int, str]:
        headers = {}
        if password:
            headers["Authorization"] = f"Basic {base64.b64encode(f'x:{password}'.encode()).decode()}"
        request = Request(f"https://127.0.0.1:{self.box.agent_port}{path}", headers=headers)
        trusting = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urlopen(request, timeout=10, context=trusting) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    site = Secured(tmp_path_factory.mktemp("secured"))
    with site.box:
        yield site


def test_who_does_not_know_the_password_sees_metrics_and_no_names(secured: Secured) -> None:
    assert secured.get("/")[0] == secured.get("/status")[0] == 401
    assert secured.get("/", "guessed wrong")[0] == 401
    assert secured.get("/health")[0] == secured.get("/ready")[0] == secured.get("/metrics")[0] == 200
    status, page = secured.get("/", PASSWORD)
    assert (status, "sipbox on" in page) == (200, True)


def test_what_the_diagnosis_finds_is_on_the_page_and_among_the_metrics(secured: Secured) -> None:
    def well() -> bool:
        secured.get("/", PASSWORD)
        return 'sipbox_check_failed{check="locations"} 0.0' in secured.get("/metrics")[1]

    wait_until("the diagnosis is made", well, timeout=60, every=0.5)
    metrics = secured.get("/metrics")[1]
    assert 'sipbox_check_failed{check="agent"} 0.0' in metrics, "it asks the agent over HTTPS"
    assert 'sipbox_check_failed{check="settings"} 0.0' in metrics
    settings = secured.box.config
    good = settings.read_text()
    settings.write_text(good + '\n[auth]\nqop = "perhaps"\n')

    def told() -> bool:
        page = secured.get("/", PASSWORD)[1]
        return "auth.qop" in page and "All systems normal." not in page

    wait_until("the wrong line is told", told, timeout=60, every=0.5)
    assert 'sipbox_check_failed{check="settings"} 1.0' in secured.get("/metrics")[1]
    settings.write_text(good)
    wait_until("it is mended", lambda: not told(), timeout=60, every=0.5)
