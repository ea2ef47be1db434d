"""Somebody whom Alertmanager tells of alerts by a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.waiting import wait_until
from tests.harness.web_service import WebService


class AlertReceiver(WebService):
    """``told`` are the alerts as Alertmanager writes them, as they came; with a ``token`` only from who has
    it."""

    def __init__(self, address: str, token: str = "") -> None:
        super().__init__(address)
        self.told: list[dict[str, Any]] = []
        self._token = token

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if method != "POST" or (self._token and headers.get("Authorization") != f"Bearer {self._token}"):
            return 403, {}
        self.told.extend(body["alerts"])
        return 200, {}

    def wait_for(self, alert: str, status: str = "firing", *, timeout: float = 600.0) -> dict[str, Any]:
        """The alert of this name, when it has come."""

        def come() -> list[dict[str, Any]]:
            return [
                each
                for each in list(self.told)
                if (each["labels"]["alertname"], each["status"]) == (alert, status)
            ]

        return wait_until(f"{alert} is {status}", come, timeout=timeout, every=0.5)[-1]
