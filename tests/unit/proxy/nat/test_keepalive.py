"""Keep-alives: to whom, when, by what, and who is given up."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from appliance.config.sections import NatSettings
from appliance.proxy.nat.keepalive import KeepAlives, Share, everything
from appliance.registrar.binding import NATED, Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.metrics import Metrics
from appliance.transaction.timers import TimerWheel
from tests.harness.message import Message

LISTENERS = [("udp", "10.0.0.5", 5060), ("tcp", "10.0.0.5", 5060), ("udp", "10.0.1.5", 5060)]
NAMES = [("udp", "203.0.113.7", 5060), ("tcp", "203.0.113.7", 5060), ("udp", "10.0.1.5", 5060)]


class Played:
    """The keep-alives with everything around them played, and a clock that is told."""

    def __init__(self, share: Share | None = None, worker: int = 0, **settings: Any) -> None:
        self.now = 1000.0
        self.sent: list[tuple[float, bytes, Hop]] = []
        self.given_up: list[Binding] = []
        self.locations = Locations()
        self.wheel = TimerWheel()
        self.wheel.advance(self.now)
        self.metrics = Metrics()
        self.no_way = False
        self.keepalives = KeepAlives(
            msgspec.convert(settings, NatSettings),
            binding=self.locations.get,
            names=NAMES,
            sockets={str(Hop(*listener)): index for index, listener in enumerate(LISTENERS)},
            send=self._send,
            wheel=self.wheel,
            domain=lambda: "example.org",
            unreachable=self.given_up.append,
            sent=self.metrics.keepalives_sent,
            share=share or everything(),
            worker=worker,
            boot=7,
        )
        self.locations.watch_nated(self.keepalives)
        self.keepalives.start(self.now)

    def _send(self, data: bytes, hop: Hop) -> None:
        if self.no_way:
            raise OSError("no way")
        self.sent.append((self.now, data, hop))

    def bind(
        self, number: int, *, transport: str = "udp", socket: str | None = None, **options: Any
    ) -> Binding:
        hop = Hop(
            transport, "198.51.100.7", 40000 + number % 20000, 0 if transport == "udp" else 1, number + 1
        )
        values: dict[str, Any] = {
            "hop": hop,
            "cflags": NATED,
            "socket": socket or f"{transport}:10.0.0.5:5060",
        } | options
        aor = AddressOfRecord(str(number), "example.org")
        binding = Binding(
            aor, f"sip:{number}@192.168.1.20", self.now + 7200, "c", 1, ruid=f"{number:024x}", **values
        )
        self.locations.put(binding)
        return binding

    def advance(self, seconds: float) -> list[tuple[float, bytes, Hop]]:
        before = len(self.sent)
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now = round(self.now + 0.02, 6)
            self.wheel.advance(self.now)
        return self.sent[before:]

    def answer(self, data: bytes) -> bytes:
        """What a phone answers."""
        request = Message.parse(data)
        kept = [(n, v) for n, v in request.headers if n in ("Via", "From", "Call-ID", "CSeq")]
        to = ("To", request.get("To") + ";tag=x")
        return Message("SIP/2.0 200 OK", (*kept, to, ("Content-Length", "0"))).encode()


def test_an_options_goes_by_the_flow() -> None:
    played = Played()
    binding = played.bind(10)
    ((_, data, hop),) = played.advance(20)
    assert hop == binding.hop
    request = Message.parse(data)
    assert request.start_line == "OPTIONS sip:10@192.168.1.20 SIP/2.0"
    assert request.get("Via").startswith("SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK")  # as it is advertised
    assert request.get("From").startswith("<sip:keepalive@example.org>;tag=")
    assert request.get("Content-Length") == "0"
    assert played.metrics.keepalives_sent["udp"] == 1


def test_each_phone_is_sent_one_in_each_interval_at_its_own_time() -> None:
    played = Played()
    bindings = [played.bind(number) for number in range(500)]
    first, second = played.advance(20), played.advance(20)
    for sent in (first, second):
        assert Count(hop.port for _, _, hop in sent) == {
            binding.hop.port: 1 for binding in bindings if binding.hop
        }
    times = {hop.port: when for when, _, hop in first}
    assert all(abs(when - times[hop.port] - 20) < 0.021 for when, _, hop in second)


def test_the_load_is_even() -> None:
    played = Played()
    for number in range(2000):
        played.bind(number)
    sent = played.advance(20)
    by_second = Count(int(when - 1000.001) for when, _, _ in sent)
    assert len(by_second) == 20
    assert all(60 <= count <= 140 for count in by_second.values()), by_second


def test_branches_and_call_ids_are_never_the_same() -> None:
    played = Played(keepalive_seconds=1)
    for number in range(20):
        played.bind(number)
    requests = [Message.parse(data) for _, data, _ in played.advance(5)]
    assert len({request.branches[0] for request in requests}) == len(requests) == 100
    assert len({request.call_id for request in requests}) == 100


def test_over_a_stream_by_its_connection() -> None:
    played = Played()
    binding = played.bind(10, transport="tcp")
    ((_, data, hop),) = played.advance(20)
    assert hop == binding.hop
    assert Message.parse(data).get("Via").startswith("SIP/2.0/TCP 203.0.113.7:5060;")
    assert played.metrics.keepalives_sent["tcp"] == 1


def test_empty_lines_when_the_settings_say_so() -> None:
    played = Played(keepalive="crlf")
    played.bind(10)
    played.bind(11, transport="tcp")
    assert sorted(data for _, data, _ in played.advance(20)) == [b"\r\n\r\n"] * 2


def test_nothing_when_it_is_switched_off() -> None:
    played = Played(keepalive="off")
    played.bind(10)
    assert played.advance(60) == []
    assert played.keepalives.phones == 1  # it is counted all the same
    assert not played.keepalives.configured


@pytest.mark.parametrize(
    "options",
    [
        {"cflags": 0},
        {"cflags": 1},
        {"socket": "udp:10.9.9.9:5060"},  # registered at another node
        {"hop": None},
    ],
)
def test_to_nobody_else(options: dict[str, Any]) -> None:
    played = Played()
    played.bind(10, **options)
    assert played.advance(40) == []


def test_who_has_gone_gets_none() -> None:
    played = Played()
    played.bind(10)
    played.bind(11)
    played.locations.drop(f"{10:024x}")
    assert played.keepalives.phones == 1
    assert {hop.port for _, _, hop in played.advance(20)} == {40011}
    played.locations.forget_all()
    assert (played.advance(20), played.keepalives.phones) == ([], 0)


def test_who_registers_by_another_flow_gets_it_there() -> None:
    played = Played()
    played.bind(10)
    played.advance(20)
    played.bind(10, hop=Hop("udp", "198.51.100.7", 31000, 0))
    assert [hop.port for _, _, hop in played.advance(20)] == [31000]
    played.bind(10, cflags=0)  # it has moved into our own network
    assert (played.advance(20), played.keepalives.phones) == ([], 0)


def test_a_binding_that_was_read_back_leaves_by_the_socket_where_it_registered() -> None:
    played = Played()
    played.bind(10, socket="udp:10.0.1.5:5060", hop=Hop("udp", "198.51.100.7", 40010, -1))
    ((_, data, hop),) = played.advance(20)
    assert hop.listener == 2
    assert "10.0.1.5:5060" in Message.parse(data).get("Via")


def test_no_way_now_is_no_way_for_now_only() -> None:
    played = Played()
    played.bind(10)
    played.no_way = True
    assert played.advance(20) == []
    played.no_way = False
    assert len(played.advance(20)) == 1


# ------------------------------------------------------------------------------------------- several workers


def test_each_phone_is_the_business_of_one_worker() -> None:
    workers = [Played(Share(lambda hop, n=n: hop.connection % 3 == n, lambda n=n: (n, 3))) for n in range(3)]  # type: ignore[misc]
    sent = []
    for worker in workers:
        for number in range(300):
            worker.bind(number)
            worker.bind(1000 + number, transport="tcp")
        sent += worker.advance(20)
    assert set(Count(hop.port for _, _, hop in sent).values()) == {1}
    assert len(sent) == 600


def test_the_share_follows_who_lives() -> None:
    part = [(0, 2)]
    played = Played(Share(lambda _: True, lambda: part[0]))
    for number in range(200):
        played.bind(number)
    assert 60 <= len(played.advance(20)) <= 140
    part[0] = (0, 1)  # the other one has died
    assert len(played.advance(20)) == 200


# ------------------------------------------------------------------------------------------------ the ceiling


def test_no_more_than_may_be_sent_in_a_second() -> None:
    played = Played(keepalives_per_second=50)
    for number in range(2000):
        played.bind(number)
    sent = played.advance(20)
    assert max(Count(int(when - 1000.001) for when, _, _ in sent).values()) <= 51
    assert 9 < played.keepalives.behind < 21
    sent += played.advance(20)
    # A round takes 40 s, and nobody waits longer.
    assert len({hop.port for _, _, hop in sent[:1990]}) == 1990
    assert len({hop.port for _, _, hop in sent}) >= 1995
    for number in range(1900):
        played.locations.drop(f"{number:024x}")
    played.advance(60)
    assert played.keepalives.behind < 0.1


# ---------------------------------------------------------------------------------------- who does not answer


def misses(played: Played, rounds: int, *, answers: Callable[[int], bool] = lambda _: False) -> None:
    for number in range(rounds):
        for _, data, _ in played.advance(20):
            if answers(number):
                assert played.keepalives.is_answer(played.answer(data))


def test_nobody_is_given_up_unless_the_settings_say_so() -> None:
    played = Played()
    played.bind(10)
    misses(played, 50)
    assert played.given_up == []


def test_who_misses_too_many_in_a_row_is_given_up() -> None:
    played = Played(remove_after_misses=3)
    binding = played.bind(10)
    misses(played, 3)
    assert played.given_up == []
    misses(played, 1)
    assert played.given_up == [binding]
    assert played.keepalives.removed == 1


def test_an_answer_counts_for_all_that_were_missed() -> None:
    played = Played(remove_after_misses=3, worker=2)
    played.bind(10)
    misses(played, 30, answers=lambda number: number % 3 == 2)
    assert played.given_up == []
    assert played.keepalives.answered == 10


def test_a_new_registration_counts_as_well() -> None:
    played = Played(remove_after_misses=3)
    for _ in range(5):
        played.bind(10)
        misses(played, 3)
    assert played.given_up == []


@pytest.mark.parametrize(
    "data",
    [
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.7;branch=z9hG4bKsb0.5f1c09a3e2.91ab40c7be2d55\r\n",
        b"SIP/2.0 200 OK\r\nSubject: .alive.\r\n",
        b"SIP/2.0 200 OK\r\n",
        b"",
    ],
)
def test_nothing_else_is_an_answer(data: bytes) -> None:
    assert not Played().keepalives.is_answer(data)


def test_an_answer_names_the_worker_that_waits_for_it_and_no_other() -> None:
    from appliance.proxy.branch import worker_in

    for misses_allowed, worker in ((3, 2), (0, 0)):
        played = Played(remove_after_misses=misses_allowed, worker=2)
        played.bind(10)
        ((_, data, _),) = played.advance(20)
        assert worker_in(played.answer(data)) == worker
