"""The agent put together: FIFO, HTTP, phones, a socket. A process of its own, or greenlets in the server's.

The parts do not depend on one another: what the settings leave empty is not started.
"""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from gevent.pywsgi import WSGIHandler, WSGIServer

from appliance.agent.all_workers import AllWorkers
from appliance.agent.app import create_app
from appliance.agent.commands import COMMANDS
from appliance.agent.fifo import Fifo
from appliance.agent.forward import ForwardingServer, WholeServer
from appliance.agent.history import History
from appliance.agent.reply_fifo import ReplyDirectory
from appliance.agent.sip_process import SipProcess
from appliance.config import Settings
from appliance.control import ControlServer
from appliance.errors import SettingsError
from appliance.supervision.heartbeat import Heartbeat
from appliance.supervision.notify import notifier
from appliance.telemetry.journal import event, open_journal

if TYPE_CHECKING:
    from appliance.agent.phones_service import PhoneService

HTTP_GREENLETS = 64
HTTP_SECONDS = 120.0

log = logging.getLogger("sipbox.agent")


class Agent:
    """The management agent of the SIP process behind ``settings.sip.control``."""

    def __init__(self, settings: Settings) -> None:
        mine = settings.agent
        controls = settings.sip.controls
        self._process = SipProcess(controls[0]) if len(controls) == 1 else AllWorkers(controls)
        self._history = History(self._process)
        self._http_address = mine.http
        self._http = _http_server(mine.http, self._process, self._history) if mine.http else None
        self._phones = _phone_service(settings) if settings.phones.http else None
        self._fifo: Fifo | None = None
        self._socket: ControlServer | None = None
        if mine.fifo:
            replies = ReplyDirectory(mine.reply_dir)
            self._fifo = Fifo(mine.fifo, mine.fifo_mode_bits, replies, COMMANDS, self._process)
        if mine.socket:
            if isinstance(self._process, AllWorkers):
                self._socket = WholeServer(mine.socket, self._process)
            else:
                self._socket = ForwardingServer(mine.socket, settings.sip.control)

    def start(self) -> None:
        """Answer from now on. Raises SettingsError when a part cannot be started; then none is."""
        try:
            if self._socket is not None:
                self._socket.start()
            if self._fifo is not None:
                self._fifo.start()
            if self._http is not None:
                _start_http(self._http, self._http_address)
            if self._phones is not None:
                self._phones.start()
            self._history.start()
        except BaseException:
            self.stop()
            raise

    def describe(self) -> str:
        """The status line of ``systemctl status``, from when the SIP process was last looked at."""
        if not self._history.samples:
            return "ready, but the SIP process does not answer"
        last = self._history.samples[-1]
        return f"ready: the SIP process has {last.registered:.0f} bindings and {last.calls:.0f} calls"

    def stop(self) -> None:
        """Answer no more; socket and FIFO are taken away."""
        self._history.stop()
        if self._http is not None:
            self._http.stop(timeout=1)
        if self._phones is not None:
            self._phones.stop()
        if self._fifo is not None:
            self._fifo.stop()
        if self._socket is not None:
            self._socket.stop()


def start(settings: Settings) -> Agent:
    """Run the agent inside this process; it goes on until ``stop()`` of what is returned."""
    agent = Agent(settings)
    agent.start()
    return agent


def run(settings: Settings) -> None:
    """Run the agent as this process until SIGTERM or SIGINT."""
    supervisor = notifier()
    open_journal(settings.log.level, settings.log.format)
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, ended.set)
    agent = start(settings)
    heartbeat = Heartbeat(supervisor, agent.describe)
    supervisor.ready()
    heartbeat.start()
    event("ready", f"agent: asks {settings.sip.control}")
    ended.wait()
    event("stopping", "agent: told to end")
    supervisor.stopping()
    heartbeat.stop()
    agent.stop()
    supervisor.close()
    event("stopped", "agent: ended")


class _Handler(WSGIHandler):
    """One connection; it ends after two minutes, so that peers that never read do not use up the places."""

    def handle(self) -> None:
        with gevent.Timeout(HTTP_SECONDS, _Slow()):
            try:
                super().handle()
            except _Slow:
                log.debug("HTTP: a connection was open for too long")


class _Slow(Exception):
    """The time of a connection is over."""


def _http_server(address: str, process: SipProcess, history: History) -> WSGIServer:
    host, _, port = address.rpartition(":")
    return WSGIServer(
        (host.strip("[]"), int(port)),
        create_app(process, history),
        spawn=HTTP_GREENLETS,
        handler_class=_Handler,
        log=None,
        error_log=log,
    )


def _phone_service(settings: Settings) -> PhoneService:
    # Only with phones the agent needs a database, and the time and memory that its libraries take.
    from appliance.agent.phones_service import PhoneService

    return PhoneService(settings, _Handler)


def _start_http(server: WSGIServer, address: str) -> None:
    try:
        server.start()
    except OSError as error:
        problem = f"cannot listen on {address}: {error.strerror or error}"
        raise SettingsError(problem, path="agent.http") from error
