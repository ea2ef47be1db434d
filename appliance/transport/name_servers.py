"""What the DNS says of a name, asked of the name servers of this machine or of others, and kept.

Only the greenlet that asks waits. Answers are kept as long as they say, in a bounded table, and that there is
none for a minute at most; that nobody answered is forgotten after seconds, and what was known before counts
meanwhile (RFC 8767). Those who ask for the same share one question, and there is a bound on how many are
under way. A server that has been silent is asked last for a while. Must not know what the records are for.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import dns.exception
import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from appliance.sip.naptr import Naptr
from appliance.transport.dns_question import Records, ask
from appliance.transport.machine_names import MachineNames

_LONGEST_KEPT, _NOTHING_KEPT, _FAILURE_KEPT = 3600.0, 60.0, 3.0
_STALE_KEPT = 86_400.0  # so long an old answer is better than none
_KEPT_NAMES = 4096
_ROUNDS = 2  # each server is asked so often
_SILENT_SECONDS = 30.0
_MOST_AT_ONCE = 200

Server = tuple[str, int]


class Question(NamedTuple):
    """What is asked for: a name in lower case, and A, AAAA, SRV or NAPTR."""

    name: str
    kind: str


class _Kept(NamedTuple):
    until: float
    stale_until: float
    records: Records


class NameServers:
    """Asks ``servers`` ((address, port), those of ``machine`` when there are none) in their order, for
    ``seconds`` at most. ``count(result)`` is told that records were found, none was, all have failed, an
    answer was kept, or a stale one had to do; ``at_once`` questions may be under way."""

    def __init__(
        self,
        servers: Sequence[Server],
        seconds: float,
        count: Callable[[str], None],
        machine: MachineNames | None = None,
        at_once: int = _MOST_AT_ONCE,
    ) -> None:
        self._servers = list(servers)
        self._seconds = seconds
        self._count = count
        self._machine = MachineNames() if machine is None else machine
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._asked: dict[Question, AsyncResult[Records]] = {}
        self._places = BoundedSemaphore(at_once)
        self._silent: dict[Server, float] = {}

    def naptr(self, name: str) -> tuple[Naptr, ...]:
        """The NAPTR records of a name; empty when it has none or nobody answers in time."""
        return naptr_in(self.ask(Question(name, "NAPTR")))

    def ask_all(self, questions: Sequence[Question]) -> dict[Question, Records]:
        """``ask`` for all of them at once."""
        if len(questions) < 2 or self._knows_all(questions):
            return {each: self.ask(each) for each in questions}
        asking = {each: gevent.spawn(self.ask, each) for each in questions}
        gevent.joinall(list(asking.values()))
        return {each: greenlet.value or () for each, greenlet in asking.items()}

    def _knows_all(self, questions: Sequence[Question]) -> bool:
        now = time.monotonic()
        found = [self._kept.get(each) for each in questions]
        return all(kept is not None and kept.until > now for kept in found)

    def ask(self, question: Question) -> Records:
        """The records of any kind; empty when there are none or nobody answers in time."""
        kept = self._kept.get(question)
        if kept is not None and kept.until > time.monotonic():
            self._count("kept")
            return kept.records
        others = self._asked.get(question)
        if others is not None:
            return others.get() or ()
        asked: AsyncResult[Records] = AsyncResult()
        self._asked[question] = asked
        found: Records = ()
        try:
            found = self._look_up(question)
        finally:
            del self._asked[question]
            asked.set(found)
        return found

    def _look_up(self, question: Question) -> Records:
        found: Records = ()
        result, lasts = "failed", _FAILURE_KEPT
        if self._places.acquire(timeout=self._seconds):
            try:
                found, lasts = self._ask(question)
                lasts = min(lasts, _LONGEST_KEPT if found else _NOTHING_KEPT)
                result = "found" if found else "none"
            except (OSError, dns.exception.DNSException):
                pass
            finally:
                self._places.release()
        now = time.monotonic()
        stale_until = now + lasts + _STALE_KEPT
        if result == "failed":
            old = self._kept.get(question)
            if old is not None and old.records and old.stale_until > now:
                found, stale_until, result = old.records, old.stale_until, "stale"
        self._count(result)
        self._kept[question] = _Kept(now + lasts, stale_until, found)
        self._kept.move_to_end(question)
        if len(self._kept) > _KEPT_NAMES:
            self._kept.popitem(last=False)
        return found

    def _ask(self, question: Question) -> tuple[Records, float]:
        """Raises OSError and DNSException."""
        servers = self._in_order()
        each = self._seconds / (_ROUNDS * max(len(servers), 1))
        for _ in range(_ROUNDS):
            for server in servers:
                try:
                    answer = ask(question.name, question.kind, server, each)
                except TimeoutError:
                    self._silent[server] = time.monotonic() + _SILENT_SECONDS
                except (OSError, dns.exception.DNSException):
                    continue
                else:
                    self._silent.pop(server, None)
                    return answer
        raise OSError("no name server has answered")

    def _in_order(self) -> list[Server]:
        """Those that have been silent a moment ago come last."""
        servers = self._servers or self._machine.servers
        if not self._silent:
            return servers
        now = time.monotonic()
        first = [each for each in servers if self._silent.get(each, 0.0) <= now]
        return first + [each for each in servers if each not in first]


def naptr_in(records: Records) -> tuple[Naptr, ...]:
    """The NAPTR records among these."""
    return tuple(each for each in records if isinstance(each, Naptr))
