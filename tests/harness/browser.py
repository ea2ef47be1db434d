"""A real browser: Debian's Chromium without a screen, spoken to by its DevTools protocol.

::

    with Browser() as browser:
        page = browser.open("http://127.0.0.1:8000/phone.html")
        page.ask("1 + 1")

Its microphone and camera are Chromium's own fakes.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

from tests.harness.ports import LOOPBACK
from tests.harness.process import Process
from tests.harness.startable import Startable
from tests.harness.waiting import wait_until

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Otherwise a page knows its own address by a multicast name only, which nobody here resolves.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Page:
    """One tab; ``said`` are the lines of its console."""

    def __init__(self, address: str) -> None:
        self._open = ExitStack()
        connection = connect(address, max_size=None, proxy=None)
        self._socket: ClientConnection = self._open.enter_context(connection)
        self._number = 0
        self.said: list[str] = []
        self._call("Runtime.enable")

    def ask(self, expression: str) -> Any:
        """What an expression is, as plain data; a promise is waited for. AssertionError when it throws."""
        told = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, (told["exceptionDetails"], self.said)
        return told["result"].get("value")

    def wear(self, *, width: int, height: int, scheme: str) -> None:
        """A screen of that size, in a ``light`` or ``dark`` scheme."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", features=features)

    def picture(self) -> bytes:
        """The whole page as a PNG."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        told = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(told["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("method") == "Runtime.consoleAPICalled":
                said = message["params"]["args"]
                self.said.append(" ".join(str(each.get("value", each.get("description"))) for each in said))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])

    def close(self) -> None:
        self._open.close()


class Browser(Startable):
    """``trusted`` is the hash of a public key (SPKI, SHA-256, base64) whose certificates it believes."""

    def __init__(self, *, trusted: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sipbox-browser-"))
        self._trusted = [f"--ignore-certificate-errors-spki-list={trusted}"] if trusted else []
        self._process: Process | None = None
        self._pages: list[Page] = []
        self._port = 0

    def start(self) -> Self:
        command = ["chromium", *OPTIONS, *self._trusted, f"--user-data-dir={self.directory / 'profile'}"]
        self._process = Process([*command, "about:blank"], log=self.directory / "output.log")
        self._port = wait_until("Chromium says where it listens", self._listens_at, timeout=60, every=0.1)
        return self

    def _listens_at(self) -> int:
        assert self._process is not None
        assert self._process.running, self._process.log[-3000:]
        found = re.search(r"DevTools listening on ws://[^:]+:(\d+)/", self._process.log)
        return int(found[1]) if found else 0

    def open(self, url: str) -> Page:
        """A new tab with that page, when it is loaded."""
        there = f"http://{LOOPBACK}:{self._port}/json/new?{url}"
        with urlopen(Request(there, method="PUT"), timeout=30) as answer:
            page = Page(json.load(answer)["webSocketDebuggerUrl"])
        self._pages.append(page)
        wait_until(
            f"{url} is loaded",
            lambda: page.ask("document.readyState === 'complete' && location.href") == url,
            timeout=30,
        )
        return page

    def close(self) -> None:
        for page in self._pages:
            page.close()
        if self._process is not None:
            self._process.stop()
            self._process.close()
        shutil.rmtree(self.directory, ignore_errors=True)
