"""A name server for tests: records by name and kind, over UDP and TCP, slow or silent when it is told so."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.harness.ports import LOOPBACK, free_port


class NameServer:
    """Answers at ``address`` (a free port of loopback, when none is given) from ``records``: the texts of a
    name's records, by ``example.org SRV``, those of NAPTR by the name alone.

    ``seconds`` is how late it answers, ``late`` the names that it answers so late (none: all). ``silent``:
    never; ``failing``: with SERVFAIL; ``truncating``: only by TCP. ``asked`` are the names in the order in
    which they were asked for.
    """

    def __init__(
        self,
        records: dict[str, list[str]] | None = None,
        *,
        ttl: int = 60,
        address: tuple[str, int] | None = None,
    ) -> None:
        self.records = {} if records is None else records
        self.ttl = ttl
        self.seconds = 0.0
        self.late: set[str] = set()
        self.silent = self.failing = self.truncating = False
        self.asked: list[str] = []
        self.by_tcp = 0
        self.address = address or (LOOPBACK, free_port())
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._run_udp, self._run_tcp)]

    def __enter__(self) -> NameServer:
        self._datagrams.bind(self.address)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self.address)
        self._listener.listen(20)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._datagrams, self._listener):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread
            each.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def text(self) -> str:
        """``127.0.0.1:12053``, as settings have it."""
        return "{}:{}".format(*self.address)

    def _run_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, peer = self._datagrams.recvfrom(65_535)
                if not data:
                    return
                question = dns.message.from_wire(data)
                self.asked.append(_name_of(question))
                threading.Thread(target=self._answer_later, args=(question, peer), daemon=True).start()

    def _answer_later(self, question: dns.message.Message, peer: tuple[str, int]) -> None:
        if self.silent:
            return
        if not self.late or _name_of(question) in self.late:
            time.sleep(self.seconds)  # that is what the test is about
        answer = self._answer(question)
        if self.truncating:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
        with contextlib.suppress(OSError):
            self._datagrams.sendto(answer.to_wire(), peer)

    def _run_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                with stream, contextlib.suppress(OSError):
                    self.by_tcp += 1
                    length = int.from_bytes(stream.recv(2, socket.MSG_WAITALL), "big")
                    question = dns.message.from_wire(stream.recv(length, socket.MSG_WAITALL))
                    wire = self._answer(question).to_wire(max_size=65_535)
                    stream.sendall(len(wire).to_bytes(2, "big") + wire)

    def _answer(self, question: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(question)
        asked = question.question[0]
        name, kind = _name_of(question), dns.rdatatype.to_text(asked.rdtype)
        records = self.records.get(name if kind == "NAPTR" else f"{name} {kind}")
        if self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif records is None and not any(key.partition(" ")[0] == name for key in list(self.records)):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif records:
            answer.answer.append(dns.rrset.from_text_list(asked.name, self.ttl, "IN", asked.rdtype, records))
        return answer


def _name_of(question: dns.message.Message) -> str:
    return question.question[0].name.to_text(omit_final_dot=True)
