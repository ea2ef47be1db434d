"""The FIFO: requests of OpenSER's clients come in here, and each is carried out in a greenlet of its own.

The reader waits for nobody: opening a client's reply FIFO, asking the SIP process and writing the reply
happen beside it, so a client that never reads, or that dies half-way, and a SIP process that hangs hold up
nobody else. As in OpenSER, a reply FIFO that was asked for and cannot be opened means that nothing is done
at all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import gevent
from gevent.os import nb_read
from gevent.pool import Pool

from appliance.agent.commands import Command
from appliance.agent.fifo_file import FifoFile
from appliance.agent.mi import ASYNCHRONOUS_FAILED, CommandRefused, Tree, failed
from appliance.agent.mi_request import Ignored, Refusal, Request, RequestReader
from appliance.agent.reply_fifo import ReplyDirectory, ReplyRefused
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError, SettingsError

REQUESTS_AT_ONCE = 256
WAITING_AT_ONCE = 1000  # those whose replies come later: a phone may ring for minutes
PAUSE_SECONDS = 0.2
LOOK_SECONDS = 2.0
UNFINISHED_SECONDS = 30.0

log = logging.getLogger("sipbox.fifo")


class Fifo:
    """Serves the FIFO at ``path``; replies go into ``replies``."""

    def __init__(
        self,
        path: str,
        mode: int,
        replies: ReplyDirectory,
        commands: Mapping[str, Command],
        process: SipProcess,
        *,
        unfinished_seconds: float = UNFINISHED_SECONDS,
    ) -> None:
        self._file = FifoFile(path, mode)
        self._replies = replies
        self._commands = commands
        self._process = process
        self._unfinished_seconds = unfinished_seconds
        takes_input = {name: command.takes_input for name, command in commands.items()}
        self._reader = RequestReader(takes_input, replies.waits)
        self._answering = Pool(REQUESTS_AT_ONCE)
        self._waiting = Pool(WAITING_AT_ONCE)
        self._heard = 0.0
        self._reading: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Make the FIFO and the reply directory and serve from now on.

        Raises ``SettingsError`` when the path is something else than a FIFO, or cannot be made.
        """
        try:
            self._replies.prepare()
            self._file.open()
        except OSError as error:
            problem = f"the FIFO {self._file} cannot be made: {error.strerror or error}"
            raise SettingsError(problem, path="agent.fifo") from error
        self._reading = gevent.spawn(self._read)

    def stop(self) -> None:
        """Stop serving and take the FIFO away."""
        if self._reading is not None:
            self._reading.kill()
        self._answering.kill()
        self._waiting.kill()
        self._file.remove()

    def _read(self) -> None:
        while True:
            try:
                self._read_once()
            except Exception:  # one bad request must not make it deaf for all that follow
                log.exception("FIFO %s", self._file)
                self._reader.abandon()
                gevent.sleep(PAUSE_SECONDS)

    def _read_once(self) -> None:
        """What has been written, or a look around when nothing is."""
        try:
            with gevent.Timeout(LOOK_SECONDS):
                data = nb_read(self._file.descriptor, 65536)
        except gevent.Timeout:
            data = b""
        if data:
            self._heard = time.monotonic()
            for item in self._reader.feed(data):
                self._handle(item)
            return
        if self._reader.unfinished and time.monotonic() - self._heard > self._unfinished_seconds:
            self._handle(self._reader.abandon())
        if not self._file.is_ours():
            self._make_again()

    def _make_again(self) -> None:
        """Somebody has removed the FIFO (a cleaner of /tmp): clients find a new one."""
        try:
            self._file.open()
        except (OSError, SettingsError) as error:
            log.error("the FIFO %s is gone and cannot be made again: %s", self._file, error)
        else:
            log.warning("the FIFO %s was gone and has been made again", self._file)

    def _handle(self, item: Request | Refusal | Ignored) -> None:
        if isinstance(item, Ignored):
            log.warning("FIFO %s: %s", self._file, item.problem)
        elif isinstance(item, Refusal):
            self._answering.spawn(self._refuse, item)
        elif not self._commands[item.command].replies_later:
            self._answering.spawn(self._carry_out, item)
        elif self._waiting.full():
            self._answering.spawn(self._refuse, Refusal(item.reply_name, failed(item.command)))
        else:
            self._waiting.spawn(self._carry_out_later, item)

    def _refuse(self, refusal: Refusal) -> None:
        log.warning("FIFO %s: %s", self._file, refusal.text.rstrip())
        if refusal.reply_name:
            self._send(refusal.reply_name, refusal.text)

    def _send(self, reply_name: str, text: str) -> None:
        try:
            self._replies.send(reply_name, text)
        except ReplyRefused as refused:
            log.warning("FIFO %s: no reply: %s", self._file, refused)

    def _carry_out(self, request: Request) -> None:
        if not request.reply_name:
            self._text(request)
            return
        try:
            descriptor = self._replies.open(request.reply_name)
            try:
                self._replies.write(descriptor, self._text(request))
            finally:
                self._replies.close(descriptor)
        except ReplyRefused as refused:
            log.warning("FIFO %s: %s: %s", self._file, request.command, refused)

    def _text(self, request: Request) -> str:
        """Carry the command out; the reply's text, which is empty when it answers nothing."""
        try:
            run = self._commands[request.command].run
            tree = next(iter(run(self._process, request.arguments)), None)
            return "" if tree is None else tree.text
        except (CommandRefused, ControlError) as error:
            return self._text_of(error, request.command)
        except Exception:
            log.exception("FIFO %s: %s", self._file, request.command)
            return failed(request.command)

    def _carry_out_later(self, request: Request) -> None:
        """Replies as they come, each in an opening of its own; without a reply name they are dropped."""
        failure = failed(request.command)
        try:
            for tree in self._commands[request.command].run(self._process, request.arguments):
                failure = ASYNCHRONOUS_FAILED
                if request.reply_name:
                    self._send(request.reply_name, tree.text)
            return
        except ServerDown as error:
            log.warning("FIFO %s: %s: %s", self._file, request.command, error.reason)
        except (CommandRefused, ControlError) as error:
            failure = self._text_of(error, request.command)
        except Exception:
            log.exception("FIFO %s: %s", self._file, request.command)
        if request.reply_name:
            self._send(request.reply_name, failure)

    def _text_of(self, error: CommandRefused | ControlError, command: str) -> str:
        if isinstance(error, CommandRefused):
            return error.tree.text
        log.warning("FIFO %s: %s: %s", self._file, command, error)
        if isinstance(error, ServerDown):
            return failed(command)
        if error.code < 500:
            return Tree(code=error.code, reason=error.reason).text
        return Tree(code=500, reason="Server Internal Error").text
