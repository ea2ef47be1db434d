"""As much of Grafana's HTTP API as it takes to be given a folder, a data source and dashboards.

Grafana itself comes from none of the places that the tests install from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.web_service import WebService


class FakeGrafana(WebService):
    """Lets in who has ``token``.

    ``folders``, ``datasources`` (by their names) and ``dashboards`` (by their uids) are what it was given;
    ``refused`` counts those without the token.
    """

    def __init__(self, address: str, token: str) -> None:
        super().__init__(address)
        self.folders: list[dict[str, Any]] = []
        self.datasources: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.refused = 0
        self._token = token

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {self._token}":
            self.refused += 1
            return 401, {"message": "Unauthorized"}
        found = self.answer(method, path, body)
        return (404, {"message": "Not found"}) if found is None else (200, found)

    def answer(self, method: str, path: str, body: Any) -> Any:
        """What is answered; None is 404."""
        match (method, path.removeprefix("/api/").split("/")):
            case ("GET", ["health"]):
                return {"version": "11.6.0"}
            case ("GET", ["frontend", "settings"]):
                return {"buildInfo": {"version": "11.6.0"}}
            case ("GET", ["folders"]):
                return self.folders
            case ("POST", ["folders"]):
                self.folders.append({"id": 7, "uid": "folder", **{k: v for k, v in body.items() if v}})
                return self.folders[-1]
            case ("GET", ["datasources", "name", name]):
                return self.datasources.get(name)
            case ("POST", ["datasources"]) | ("PUT", ["datasources", _]):
                self.datasources[body["name"]] = {"id": 1, **body}
                return {"message": "Datasource added"}
            case ("GET", ["dashboards", "uid", uid]):
                return self.dashboards.get(uid)
            case ("POST", ["dashboards", "db"]):
                uid, meta = body["dashboard"]["uid"], {"folderId": body["folderId"]}
                self.dashboards[uid] = {"dashboard": body["dashboard"], "meta": meta}
                return {"uid": uid, "status": "success"}
        return None
