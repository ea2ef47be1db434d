"""What runs in the package that stands in for Grafana (``grafana_package``): it reads Grafana's environment
and provisioning files, and shows by Grafana's API what it found there.
"""

from __future__ import annotations

import base64
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

PROVISIONING = Path("/etc/grafana/provisioning")


def provisioned(kind: str, key: str) -> list[dict[str, Any]]:
    """The entries of all files for ``datasources`` or ``dashboards``."""
    files = sorted((PROVISIONING / kind).glob("*.yml"))
    return [entry for file in files for entry in yaml.safe_load(file.read_text())[key]]


def dashboards() -> dict[str, dict[str, Any]]:
    """What the files of the providers hold, by uid, with the folder that it is shown in."""
    found = {}
    for provider in provisioned("dashboards", "providers"):
        for file in sorted(Path(provider["options"]["path"]).glob("*.json")):
            dashboard = json.loads(file.read_text())
            found[dashboard["uid"]] = {
                "dashboard": dashboard,
                "meta": {"folderTitle": provider["folder"], "provisioned": True},
            }
    return found


class Handler(BaseHTTPRequestHandler):
    """Everything but the health is for the admin."""

    def do_GET(self) -> None:
        match self.path.removeprefix("/api/").split("/"):
            case ["health"]:
                self._answer(200, {"database": "ok", "version": "11.6.0"})
            case _ if self.headers.get("Authorization") != self._admin():
                self._answer(401, {"message": "Unauthorized"})
            case ["datasources"]:
                self._answer(200, provisioned("datasources", "datasources"))
            case ["search"]:
                self._answer(200, [{"uid": uid, "type": "dash-db"} for uid in dashboards()])
            case ["dashboards", "uid", uid] if uid in dashboards():
                self._answer(200, dashboards()[uid])
            case _:
                self._answer(404, {"message": "Not found"})

    def _admin(self) -> str:
        password = Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"]).read_text()
        return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()

    def _answer(self, status: int, told: Any) -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    address = os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])
    ThreadingHTTPServer(address, Handler).serve_forever()
