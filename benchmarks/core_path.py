"""Registrations and calls through the whole core, without sockets and database.

    python -m benchmarks.cut_out nothing|tracing|metrics benchmarks.core_path nothing|tracing|metrics

Each line of standard input, ``registration 200`` or ``call 50``, is answered by the CPU microseconds of one
such operation. ``end`` is answered by ``done``, or by what has counted although it was cut out.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from itertools import count

from appliance.auth.digest import ha1
from appliance.memory import settle_memory
from appliance.registrar.binding import PERMANENT, Binding
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.catalogue import CATALOGUE
from tests.harness.message import Message
from tests.unit.proxy.stage import Rows, Stage, User, Users, ack_of, response_to

_REALM = "example.org"
_PHONES = 2_000
_TOGETHER = 25


class Known(Users):
    """Subscribers that are all in memory; every password is the user's name."""

    def __init__(self) -> None:
        super().__init__()
        names = [f"u{number}" for number in range(_PHONES)]
        self._users = {name: User(name, _REALM, ha1(name, _REALM, name), None) for name in names}

    def find(self, username: str, domain: str, realm: str) -> User | None:
        return self._users.get(username)


class NoRows(Rows):
    """A database that costs nothing."""

    def commit(self, upserts: object, deletes: object) -> None:
        pass


class Path(Stage):
    """The core, and what leaves it as bytes; ``traces``: it is looked whether somebody wants to see that."""

    def __init__(self, *, traces: bool) -> None:
        super().__init__(log={"level": "warning"})
        self.left: list[bytes] = []
        self.credentials = Known()
        self.bindings = NoRows()
        self.restarted()
        self.hops = [Hop("udp", f"192.0.2.{10 + n % 200}", 1024 + n) for n in range(_PHONES)]
        self.turn = count()
        self._spent = 0.0
        # As in 'network.py': looked at when something leaves, too.
        self.take = self._trace_and_take if traces else self._take

    def send(self, data: bytes, hop: Hop) -> None:
        self.take(data, hop)

    def _take(self, data: bytes, hop: Hop) -> None:
        self.left.append(data)

    def _trace_and_take(self, data: bytes, hop: Hop) -> None:
        self.left.append(data)
        if self.tracer.active:
            self.tracer.message("sent", data, hop)

    def _through(self, arriving: list[tuple[bytes, Hop]]) -> list[list[Message]]:
        """What leaves for each that arrives; only that is timed."""
        receive, left, out = self.core.receive, self.left, []
        for data, hop in arriving:
            began = time.process_time()
            receive(data, hop)
            self._spent += time.process_time() - began
            self._run_deferred()
            out.append([Message.parse(each) for each in left])
            left.clear()
        return out

    def _in_turns(self, number: int, some: Callable[[list[int]], None]) -> float:
        self._spent = 0.0
        gc.disable()  # its coming is chance
        for first in range(0, number, _TOGETHER):
            some([next(self.turn) for _ in range(min(_TOGETHER, number - first))])
            # All transactions end.
            self.now += 40
            self.core.wheel.advance(self.now)
            self._run_deferred()
            self.left.clear()
        gc.enable()
        gc.collect()
        return self._spent / number * 1e6

    def _challenged(self, method: str, turns: list[int]) -> list[Message]:
        """Requests with the answer to their challenge, which they have got."""
        asked = []
        for turn in turns:
            user = turn % _PHONES
            uri = f"sip:{_REALM}" if method == "REGISTER" else f"sip:u{(user + 1) % _PHONES}@{_REALM}"
            me = f"sip:u{user}@{_REALM}"
            asked.append(
                self.request(
                    method,
                    uri,
                    caller=me,
                    to=me if method == "REGISTER" else uri,
                    call_id=f"{turn}-{user}@192.0.2.10",
                    headers=[("Expires", "3600"), ("User-Agent", "Grandstream BT110 1.0.8.33")],
                ).with_header("Contact", f"<sip:u{user}@{self.hops[user].host}:{self.hops[user].port}>")
            )
        hops = [self.hops[turn % _PHONES] for turn in turns]
        refusals = self._through([(each.encode(), hop) for each, hop in zip(asked, hops, strict=True)])
        again = []
        for request, (refusal,), turn in zip(asked, refusals, turns, strict=True):
            name = f"u{turn % _PHONES}"
            if method == "INVITE":
                self._through([(ack_of(request, refusal).encode(), self.hops[turn % _PHONES])])
            again.append(self.answered(request, refusal, password=name, username=name))
        return again

    def registration(self, number: int) -> float:
        return self._in_turns(number, self._registrations)

    def _registrations(self, turns: list[int]) -> None:
        again = self._challenged("REGISTER", turns)
        answers = self._through([(m.encode(), self._hop(t)) for m, t in zip(again, turns, strict=True)])
        assert all(answer.status == 200 for (answer,) in answers), answers[0]

    def call(self, number: int) -> float:
        for user in range(_PHONES):
            aor, contact = AddressOfRecord(f"u{user}", _REALM), f"sip:u{user}@{self._hop(user).host}"
            if not self.core.locations.lookup(aor, self.now):
                self.core.locations.put(Binding(aor, contact, PERMANENT, "reg", 1, ruid=f"r{user}"))
        return self._in_turns(number, self._calls)

    def _calls(self, turns: list[int]) -> None:
        again = self._challenged("INVITE", turns)
        sent = self._through([(m.encode(), self._hop(t)) for m, t in zip(again, turns, strict=True)])
        for turn, invite, out in zip(turns, again, sent, strict=True):
            caller, callee = self._hop(turn), self._hop(turn + 1)
            forwarded = next(each for each in out if each.is_request)
            contact = [("Contact", f"<sip:u@{callee.host}:{callee.port}>")]
            for status in (180, 200):
                told = response_to(forwarded, status, headers=contact).encode()
                ((answer,),) = self._through([(told, callee)])
            assert answer.status == 200
            routes = [("Route", value) for value in reversed(answer.all("Record-Route"))]
            for method in ("ACK", "BYE"):
                within = (
                    self.request(
                        method,
                        f"sip:u@{callee.host}:{callee.port}",
                        caller=invite.get("From").partition(">")[0].lstrip("<"),
                        to_tag="callee",
                        call_id=invite.call_id,
                        cseq=2 if method == "ACK" else 3,
                        headers=routes,
                    )
                    .with_header("From", invite.get("From"))
                    .with_header("To", answer.get("To"))
                )
                ((going,),) = self._through([(within.encode(), caller)])
            ((ended,),) = self._through([(response_to(going, 200).encode(), callee)])
            assert (ended.status, ended.method) == (200, "BYE")

    def _hop(self, turn: int) -> Hop:
        return self.hops[turn % _PHONES]

    def left_over(self) -> str:
        """Which counters have counted although they were cut out."""
        asked = self.metrics._sources
        counted = []
        for metric in CATALOGUE:
            held = getattr(self.metrics, metric.attribute)
            if metric.attribute not in asked and metric.kind == "counter":
                total = held if isinstance(held, int) else sum(held.values())
                counted += [metric.attribute] if total else []
        return " ".join(counted) or "done"


def main(cut: str) -> None:
    path = Path(traces=cut != "tracing")
    settle_memory()
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        if what == "end":
            print(path.left_over() if cut == "metrics" else "done", flush=True)
            return
        work = path.registration if what == "registration" else path.call
        print(work(int(number)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
