"""baresip (Debian's baresip-core): a real phone, without sound hardware, spoken to over its control socket.

::

    with Baresip("10", "secret", proxy=box.address) as phone:
        phone.wait_registered()
        phone.dial("11")
        phone.wait_established()

Its sound is a sine tone, what it hears goes nowhere. What it reports stands in ``events``, in order. In a
namespace it has the address of that one; otherwise it is on loopback.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from tests.harness.network_namespace import Namespace
from tests.harness.networks import Place
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.startable import Startable
from tests.harness.waiting import wait_until

MODULES = next(
    (path for path in sorted(Path("/usr/lib").glob("**/baresip/modules")) if path.is_dir()),
    Path("/usr/lib/baresip/modules"),
)

CONFIG = """\
poll_method             epoll
sip_listen              {host}:{port}
net_interface           {address}
call_local_timeout      120
call_max_calls          4
audio_player            aubridge,quiet
audio_source            ausine,440
ausrc_srate             48000
ausrc_channels          2
audio_alert             aubridge,quiet
statmode_default        off
rtp_ports               {rtp}-{rtp_end}
module_path             {modules}
module                  g711.so
module                  ausine.so
module                  aubridge.so
module_app              account.so
module_app              menu.so
module_app              ctrl_tcp.so
ctrl_tcp_listen         {controlled_at}:{control}
"""


class Baresip(Startable):
    """One phone of one subscriber; it registers when it starts and answers calls by itself.

    With ``trace`` each message stands in its ``log``. With ``expires`` 0 it does not register.

    ``transport`` is 'udp', 'tcp' or 'tls', where ``authority`` is whom it believes. The address of record is
    ``user@domain`` without a port, and every request goes by ``proxy``, as in an office where phones know the
    proxy by its address. ``address`` is its own where it is in no namespace. ``flows`` are further addresses
    of the proxy: it keeps a flow to each (RFC 5626). ``outbound`` is for one flow, which it keeps alive.
    """

    def __init__(
        self,
        user: str,
        password: str,
        *,
        proxy: tuple[str, int],
        domain: str = LOOPBACK,
        transport: str = "udp",
        expires: int = 3600,
        answers: bool = True,
        auth_user: str | None = None,
        namespace: Namespace | Place | None = None,
        trace: bool = False,
        port: int | None = None,
        authority: Path | None = None,
        address: str = LOOPBACK,
        flows: Sequence[tuple[str, int]] = (),
        outbound: bool = False,
    ) -> None:
        self.user, self.domain = user, domain
        self.address = namespace.address if namespace else address
        self._controlled_at = namespace.address if namespace else LOOPBACK
        self._namespace = namespace
        self._trace = trace
        # It listens for TLS one port above the one that it is given.
        self.port = port or free_port(2)
        self._control_port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="sipbox-baresip-"))
        rtp = free_port(8)
        config = CONFIG.format(
            host=_host(self.address),
            address=self.address,
            controlled_at=self._controlled_at,
            port=self.port,
            rtp=rtp,
            rtp_end=rtp + 7,
            modules=MODULES,
            control=self._control_port,
        )
        if authority is not None:
            config += f"sip_cafile              {authority}\nsip_verify_server       yes\n"
        if flows or outbound:
            # It has to know who it is before it reads its account.
            config = config.replace("module_app ", "module_app              uuid.so\nmodule_app ", 1)
        account = f"<sip:{user}@{domain};transport={transport}>;auth_user={auth_user or user}"
        account += f";auth_pass={password}"
        account += f';outbound="sip:{_host(proxy[0])}:{proxy[1]};transport={transport}";regint={expires}'
        account += f";answermode={'auto' if answers else 'manual'};audio_codecs=PCMU"
        for number, (host, port) in enumerate(flows, start=2):
            account += f';outbound{number}="sip:{host}:{port};transport={transport}";sipnat=outbound'
        if outbound and not flows:
            account += ";sipnat=outbound"
        (self.directory / "config").write_text(config)
        (self.directory / "accounts").write_text(account + "\n")
        (self.directory / "contacts").write_text("")
        self.events: list[dict[str, Any]] = []
        self._replies: list[dict[str, Any]] = []
        self._buffer = b""
        self._process: Process | None = None
        self._socket: socket.socket | None = None

    def start(self) -> Self:
        """Start it and connect to its control socket."""
        command = ["baresip", "-f", str(self.directory), *(["-s"] if self._trace else [])]
        self._process = Process(
            self._namespace.command(*command) if self._namespace else command,
            log=self.directory / "output.log",
            # It answers on its standard input too; an open pipe keeps it from reading the end of a file.
            input_pipe=True,
        )
        self._socket = wait_until("baresip's control socket", self._connect)
        return self

    def _connect(self) -> socket.socket | None:
        assert self._process is not None
        assert self._process.running, self.log
        try:
            there = (self._controlled_at, self._control_port)
            if isinstance(self._namespace, Place):
                connection = self._namespace.connect(there)
            else:
                connection = socket.create_connection(there, 1.0)
        except ConnectionRefusedError:
            return None
        connection.settimeout(0.05)
        return connection

    @property
    def log(self) -> str:
        path = self.directory / "output.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def sent(self, method: str) -> int:
        """How many requests of that method have left it; ``trace`` has been asked for."""
        assert self._trace
        return len(re.findall(rf"(?m)^(?:\x1b\[[0-9;]*m)?{method} sips?:", self.log))

    def received(self) -> int:
        """How many packets have come to its namespace, loopback not counted."""
        assert self._namespace is not None
        return self._namespace.received()

    def command(self, name: str, parameters: str = "") -> str:
        """A command as one types it (``dial``, ``hangup``, ``reginfo``), and what baresip says to it."""
        assert self._socket is not None
        text = json.dumps({"command": name, "params": parameters, "token": name})
        self._replies.clear()
        self._socket.sendall(f"{len(text.encode())}:{text},".encode())
        reply = wait_until(f"baresip's answer to {name}", self._answers)[0]
        assert reply.get("ok"), reply
        return str(reply.get("data", ""))

    def _answers(self) -> list[dict[str, Any]]:
        self._poll()
        return self._replies

    def _poll(self) -> None:
        """Take in what baresip reports: netstrings of JSON."""
        assert self._socket is not None
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return
        assert data, f"baresip ended:\n{self.log[-3000:]}"
        self._buffer += data
        while b":" in self._buffer:
            length, _, rest = self._buffer.partition(b":")
            if len(rest) <= int(length):
                return
            message = json.loads(rest[: int(length)])
            self._buffer = rest[int(length) + 1 :]
            (self.events if message.get("event") else self._replies).append(message)

    def happened(self, kind: str) -> list[dict[str, Any]]:
        """The events of that kind (``CALL_ESTABLISHED``, ``REGISTER_OK``) so far."""
        self._poll()
        return [event for event in self.events if event["type"] == kind]

    def forget_events(self) -> None:
        self._poll()
        self.events.clear()

    def wait_for(self, kind: str, timeout: float = 10.0) -> dict[str, Any]:
        """The first event of that kind since the events were forgotten."""
        try:
            return wait_until(f"{kind} at {self.user}", lambda: self.happened(kind), timeout=timeout)[0]
        except AssertionError as error:
            seen = [event["type"] for event in self.events]
            raise AssertionError(f"{error}; seen: {seen}\n{self.log[-3000:]}") from None

    def wait_registered(self) -> None:
        """Its own list of accounts says that it is registered. (The event may come before we can hear it.)"""
        wait_until(f"{self.user} is registered", lambda: "OK" in self.command("reginfo"), every=0.1)

    def dial(self, user: str, domain: str | None = None) -> None:
        self.command("dial", f"sip:{user}@{domain or self.domain}")

    def wait_established(self) -> None:
        self.wait_for("CALL_ESTABLISHED")

    def hang_up(self) -> None:
        self.command("hangup")

    def wait_closed(self) -> None:
        self.wait_for("CALL_CLOSED")

    def restart(self) -> None:
        """Switched off in order, which takes its registration back, and on again."""
        assert self._process is not None
        assert self._socket is not None
        self._socket.close()
        self._process.stop()
        self._process.close()
        self._buffer = b""
        self.start()

    def kill9(self) -> None:
        """The current fails: nobody is told anything."""
        assert self._process is not None
        assert self._socket is not None
        self._socket.close()
        self._process.kill9()
        self._process.close()
        self._buffer = b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def talking(phone: Baresip) -> Callable[[], bool]:
    """Whether that phone has a call right now, by its own list of calls."""
    return lambda: "ESTABLISHED" in phone.command("listcalls").upper()


def call_and_hang_up(dialling: Baresip, answering: Baresip) -> None:
    """A whole call, which the one who was called ends."""
    for side in (dialling, answering):
        side.forget_events()
    dialling.dial(answering.user)
    dialling.wait_established()
    answering.wait_established()
    answering.hang_up()
    for side in (dialling, answering):
        wait_until("the call is over", lambda side=side: not talking(side)())
