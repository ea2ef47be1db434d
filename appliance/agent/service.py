"""The agent put together: FIFO, HTTP, phones, a socket. A process of its own, or greenlets in the server's.

The parts do not depend on one another: what the settings leave empty is not started.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from appliance.agent.all_workers import AllWorkers
from appliance.agent.app import create_app
from appliance.agent.checkup import Checkup
from appliance.agent.commands import COMMANDS
from appliance.agent.fifo import Fifo
from appliance.agent.forward import ForwardingServer, WholeServer
from appliance.agent.history import History
from appliance.agent.https import HttpServer, pair_of
from appliance.agent.kernel_drops import dropped
from appliance.agent.kernel_sets import KernelSets
from appliance.agent.page_door import open_door
from appliance.agent.reply_fifo import ReplyDirectory
from appliance.agent.sip_process import SipProcess
from appliance.config import Settings
from appliance.control import ControlServer
from appliance.supervision.heartbeat import Heartbeat
from appliance.supervision.notify import notifier
from appliance.telemetry.journal import event, open_journal

if TYPE_CHECKING:
    from appliance.agent.phones_service import PhoneService

log = logging.getLogger("sipbox.agent")

#: How often the journal looks whether what failed again and again is to be summed up.
_TICK_SECONDS = 5.0


class Agent:
    """The management agent of the SIP process behind ``settings.sip.control``. ``diagnosis`` is the command
    that prints what ``sipbox diagnose --json`` does."""

    def __init__(self, settings: Settings, diagnosis: Sequence[str] = ()) -> None:
        mine = settings.agent
        controls = settings.sip.controls
        self._process = SipProcess(controls[0]) if len(controls) == 1 else AllWorkers(controls)
        self._history = History(self._process)
        self._checkup = Checkup(diagnosis if mine.http else ())
        self._http = _page(settings, self._process, self._history, self._checkup) if mine.http else None
        self._phones = _phone_service(settings) if settings.phones.http else None
        self._kernel = KernelSets(self._process, _warn) if mine.firewall else None
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
                self._http.begin()
            if self._phones is not None:
                self._phones.start()
            self._history.start()
            self._checkup.start()
            if self._kernel is not None:
                self._kernel.start()
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
        self._checkup.stop()
        if self._kernel is not None:
            self._kernel.stop()
        if self._http is not None:
            self._http.stop(timeout=1)
        if self._phones is not None:
            self._phones.stop()
        if self._fifo is not None:
            self._fifo.stop()
        if self._socket is not None:
            self._socket.stop()


def start(settings: Settings, config: str) -> Agent:
    """Run the agent inside this process; it goes on until ``stop()`` of what is returned. ``config`` is the
    file of the settings."""
    program = (sys.executable, "-m", "appliance", "--config", config)
    agent = Agent(settings, (*program, "diagnose", "--json"))
    agent.start()
    return agent


def run(settings: Settings, config: str) -> None:
    """Run the agent as this process until SIGTERM or SIGINT."""
    supervisor = notifier()
    journal = open_journal(settings.log.level, settings.log.format)
    ticker = gevent.get_hub().loop.timer(_TICK_SECONDS, _TICK_SECONDS)
    ticker.start(journal.tick)
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, ended.set)
    agent = start(settings, config)
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
    ticker.stop()
    journal.settle()
    event("stopped", "agent: ended")


def _page(settings: Settings, process: SipProcess, history: History, checkup: Checkup) -> HttpServer:
    mine = settings.agent
    pair = pair_of(mine.certificate, mine.certificate_key, "agent.certificate")
    door = open_door(mine.password_file, mine.http)
    app = create_app(process, history, checkup, door, dropped if mine.firewall else dict)
    return HttpServer(mine.http, app, "agent.http", pair)


def _warn(_level: str, message: str) -> None:
    log.warning("%s", message)


def _phone_service(settings: Settings) -> PhoneService:
    # Only with phones the agent needs a database, and the time and memory that its libraries take.
    from appliance.agent.phones_service import PhoneService

    return PhoneService(settings)
