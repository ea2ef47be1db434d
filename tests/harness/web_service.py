"""A web service that a test plays, for programs that want one."""

from __future__ import annotations

import json
import threading
from abc import abstractmethod
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.harness.startable import Startable


class WebService(Startable):
    """Listens on ``address``, at ``url``; requests and answers are JSON."""

    def __init__(self, address: str) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                headers = dict(self.headers.items())
                status, told = service.handle(self.command, self.path.partition("?")[0], headers, body)
                data = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the names of http.server

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Nothing is written down."""

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @abstractmethod
    def handle(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """The status and what is answered."""

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
