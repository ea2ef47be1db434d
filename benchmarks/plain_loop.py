"""The yardstick: a bare gevent loop that does the least of what a registrar and proxy can do.

    python -m benchmarks.plain_loop PORT CONTACT_PORT

It splits messages, checks MD5 digests with a password that is the user's name behind ``pw``, and answers;
INVITEs it challenges and sends to 127.0.0.1:CONTACT_PORT with a Via and a Record-Route, their responses back.
Nothing is durable; no transactions, no timers, no limits: what sipbox costs beyond it is what those cost.
"""

from __future__ import annotations

import re
import socket
import sys
from hashlib import md5
from itertools import count

import gevent

_PARAMETER = re.compile(r'(\w+)="?([^",]+)"?')
_SERIAL = count()


def _digest(*parts: str) -> str:
    return md5(":".join(parts).encode()).hexdigest()


class PlainLoop:
    """One UDP socket on loopback."""

    def __init__(self, port: int, contact_port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        self._socket.bind(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._port, self._contact_port = port, contact_port
        self._watcher = gevent.get_hub().loop.io(self._socket.fileno(), 1)
        self._watcher.start(self._readable)

    def _readable(self) -> None:
        while True:
            try:
                data, address = self._socket.recvfrom(65_535)
            except BlockingIOError:
                return
            self._handle(data.decode(), address)

    def _handle(self, text: str, address: tuple[str, int]) -> None:
        head, _, body = text.partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        values: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            values.setdefault(name.lower(), value.strip())
        if start.startswith("SIP/2.0"):
            self._back(start, lines, body)
            return
        method, uri, _ = start.split(" ", 2)
        header = "authorization" if method == "REGISTER" else "proxy-authorization"
        if "to" in values and "tag=" in values["to"] and method != "REGISTER":
            if method == "ACK" and "route" not in values:
                return
            self._on(start, lines, values, body, uri)
        elif header not in values:
            self._reply(lines, values, address, *_CHALLENGES[method == "REGISTER"])
        elif self._verified(method, values[header]):
            if method == "REGISTER":
                self._reply(lines, values, address, "200 OK", f"Contact: {values['contact']};expires=3600")
            else:
                self._reply(lines, values, address, "100 Trying", "Server: plain")
                self._on(start, lines, values, body, f"sip:11@127.0.0.1:{self._contact_port}")

    def _verified(self, method: str, credentials: str) -> bool:
        given = dict(_PARAMETER.findall(credentials))
        ha1 = _digest(given["username"], given["realm"], f"pw{given['username']}")
        ha2 = _digest(method, given["uri"])
        if "qop" in given:
            parts = (ha1, given["nonce"], given["nc"], given["cnonce"], given["qop"], ha2)
        else:
            parts = (ha1, given["nonce"], ha2)
        return _digest(*parts) == given["response"]

    def _reply(
        self, lines: list[str], values: dict[str, str], address: tuple[str, int], status: str, header: str
    ) -> None:
        vias = [line for line in lines if line[:4] == "Via:"]
        nonce = _digest(str(next(_SERIAL))) if "%s" in header else ""
        out = [
            f"SIP/2.0 {status}", *vias, f"From: {values['from']}", f"To: {values['to']};tag=x",
            f"Call-ID: {values['call-id']}", f"CSeq: {values['cseq']}", header.replace("%s", nonce),
            "Content-Length: 0\r\n\r\n",
        ]  # fmt: skip
        self._socket.sendto("\r\n".join(out).encode(), address)

    def _on(self, start: str, lines: list[str], values: dict[str, str], body: str, uri: str) -> None:
        method = start.partition(" ")[0]
        branch = _digest(values["via"])
        kept = [line for line in lines if not line.startswith(("Route:", "Proxy-Authorization:"))]
        out = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{branch}",
            *([f"Record-Route: <sip:127.0.0.1:{self._port};lr>"] if method == "INVITE" else ()),
            *kept,
            "",
            body,
        ]
        self._socket.sendto("\r\n".join(out).encode(), ("127.0.0.1", self._contact_port))

    def _back(self, start: str, lines: list[str], body: str) -> None:
        first = next(index for index, line in enumerate(lines) if line[:4] == "Via:")
        others = lines[first].partition(",")[2].strip()  # some callees put all of them into one line
        lines[first : first + 1] = [f"Via: {others}"] if others else []
        via = next(line for line in lines if line[:4] == "Via:")
        port = int(via.partition("127.0.0.1:")[2].partition(";")[0])
        self._socket.sendto("\r\n".join([start, *lines, "", body]).encode(), ("127.0.0.1", port))


_CHALLENGES = {
    True: ("401 Unauthorized", 'WWW-Authenticate: Digest realm="127.0.0.1", nonce="%s", qop="auth"'),
    False: (
        "407 Proxy Authentication Required",
        'Proxy-Authenticate: Digest realm="127.0.0.1", nonce="%s", qop="auth"',
    ),
}


if __name__ == "__main__":
    loop = PlainLoop(int(sys.argv[1]), int(sys.argv[2]))
    gevent.get_hub().join()
