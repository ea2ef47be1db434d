"""Two workers in one process, each with real sockets and played duties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.workers import neighbours
from appliance.workers.duties import Duties
from appliance.workers.neighbours import Neighbours
from appliance.workers.shared_bindings import Hearing
from tests.unit.workers.made import AOR, binding, flow

UDP = Hop("udp", "192.0.2.9", 5060, 0)


class Worker:
    def __init__(self, number: int, directory: Path, count: int = 2) -> None:
        self.number = number
        self.told: list[tuple[str, object]] = []
        self.connections: list[Hop] = []
        self.invites: set[bytes] = set()
        self.locations = Locations()
        self.readings = 0
        places = {each: str(directory / f"{each}.sock") for each in range(1, count + 1)}
        self.neighbours = Neighbours(
            number, places, lambda level, message: self.told.append((level, message))
        )

    def listen(self) -> None:
        def note(name: str) -> Callable[..., None]:
            return lambda *what: self.told.append((name, what if len(what) > 1 else what[0]))

        hearing = Hearing(self.locations, lambda ruids: None, self._read, neighbours.monotonic)
        duties = Duties(
            take_response=note("response"),
            take_request=note("request"),
            has_invite=lambda data, hop: data in self.invites,
            send_by_connection=note("send"),
            connections=lambda: self.connections,
            connection_lost=note("lost"),
            hung_up=note("hung up"),
            boot=lambda: 100 + self.number,
        )
        self.neighbours.listen(hearing, duties)

    def _read(self) -> None:
        self.readings += 1


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    workers = Worker(1, tmp_path), Worker(2, tmp_path)
    for worker in workers:
        worker.listen()
    for worker in workers:
        worker.neighbours.start()
    eventually(lambda: all(worker.neighbours.living == [1, 2] for worker in workers))
    yield workers
    for worker in workers:
        worker.neighbours.stop()


def eventually(question: Callable[[], object]) -> None:
    with gevent.Timeout(10):
        while not question():
            gevent.sleep(0.005)


def test_the_first_that_lives_leads(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert (one.neighbours.leads, two.neighbours.leads) == (True, False)
    one.neighbours.stop()
    eventually(lambda: two.neighbours.leads)
    assert two.neighbours.living == [2]


def test_messages_are_handed_over_as_they_came(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert one.neighbours.hand_over(2, b"REGISTER", UDP)
    assert one.neighbours.hand_over_response(2, b"SIP/2.0 200", UDP)
    eventually(lambda: len(two.told) == 2)
    assert two.told == [("request", (b"REGISTER", UDP)), ("response", (b"SIP/2.0 200", UDP))]
    assert one.neighbours.handed == {"response": 1, "request": 1}


def test_nothing_is_handed_to_oneself_or_to_nobody(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert not one.neighbours.hand_over_response(1, b"SIP/2.0 200", UDP)
    assert not one.neighbours.hand_over_response(7, b"SIP/2.0 200", UDP)
    two.neighbours.stop()
    eventually(lambda: not one.neighbours.hand_over(2, b"REGISTER", UDP))
    assert not one.neighbours.hand_over_response(2, b"SIP/2.0 200", UDP)


def test_a_nonce_is_known_by_worker_and_boot(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert one.neighbours.has_issued(2, 102)
    assert not one.neighbours.has_issued(2, 99)
    assert not one.neighbours.has_issued(1, 101)
    two.neighbours.stop()
    eventually(lambda: not one.neighbours.has_issued(2, 102))


def test_who_has_the_invite_takes_the_cancel(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert not one.neighbours.find_invite(b"CANCEL", UDP)
    assert two.told == []
    two.invites.add(b"CANCEL")
    assert one.neighbours.find_invite(b"CANCEL", UDP)
    eventually(lambda: two.told == [("request", (b"CANCEL", UDP))])


def test_who_looks_something_up_hears_what_lies_unread(both: tuple[Worker, Worker]) -> None:
    """Without a turn of the loop in between, as when a call comes right behind a registration."""
    one, two = both
    for number in range(3):
        told = binding(f"r{number}", contact=f"sip:10@192.0.2.{number}")
        one.neighbours.changed({told.ruid: told}, lambda: None)
        assert two.locations.get(told.ruid) is None
        two.neighbours.hear()
        assert two.locations.get(told.ruid) is not None


def test_a_worker_that_came_anew_is_heard_from_its_first_news_on(
    both: tuple[Worker, Worker], tmp_path: Path
) -> None:
    one, two = both
    first = binding("r1")
    one.neighbours.changed({first.ruid: first}, lambda: None)
    eventually(lambda: two.locations.get("r1") is not None)
    one.neighbours.stop()
    again = Worker(1, tmp_path)
    again.listen()
    again.neighbours.start()
    try:
        eventually(lambda: again.neighbours.living == [1, 2])
        second = binding("r2", contact="sip:10@192.0.2.2")
        again.neighbours.changed({second.ruid: second}, lambda: None)
        two.neighbours.hear()
        assert two.locations.get("r2") is not None
    finally:
        again.neighbours.stop()


def test_a_binding_is_known_to_the_other_before_it_is_answered(both: tuple[Worker, Worker]) -> None:
    one, two = both
    known: list[bool] = []
    one.neighbours.changed({"r1": binding("r1")}, lambda: known.append(bool(two.locations.lookup(AOR, 60.0))))
    eventually(lambda: known)
    assert known == [True]
    two.neighbours.changed({"r1": None}, lambda: known.append(bool(one.locations.lookup(AOR, 60.0))))
    eventually(lambda: len(known) == 2)
    assert known == [True, False]
    assert (one.readings, two.readings) == (0, 0)


def test_connections_are_known_from_the_beginning_and_as_they_come(tmp_path: Path) -> None:
    one, two = Worker(1, tmp_path), Worker(2, tmp_path)
    one.connections = [flow(number, 1000 + number) for number in range(1, 1200)]
    for worker in (one, two):
        worker.listen()
        worker.neighbours.start()
    try:
        eventually(lambda: len(two.neighbours.flows) == 1199)
        one.neighbours.connection(True, flow(5000, 9))
        eventually(lambda: two.neighbours.flows.find(flow(5000, 9)) is not None)
        assert two.neighbours.send_by_owner(b"INVITE", flow(0, 9))
        eventually(lambda: one.told == [("send", (b"INVITE", flow(5000, 9)))])
        one.neighbours.connection(False, flow(5000, 9))
        eventually(lambda: two.told == [("lost", flow(5000, 9))])
        assert not two.neighbours.send_by_owner(b"INVITE", flow(5000, 9))
        one.connections = one.connections[:1]
        one.neighbours.stop()
        eventually(lambda: len(two.neighbours.flows) == 0)
        eventually(lambda: len(two.told) == 1200)
    finally:
        for worker in (one, two):
            worker.neighbours.stop()


def test_what_cannot_be_read_is_something_missed(both: tuple[Worker, Worker]) -> None:
    one, two = both
    one.neighbours._link.send(2, b"another version's")
    eventually(lambda: two.readings == 1)
    assert two.neighbours.behind


def test_a_call_that_ends_elsewhere(both: tuple[Worker, Worker]) -> None:
    one, two = both
    one.neighbours.hung_up("call-\udcff")
    eventually(lambda: two.told == [("hung up", "call-\udcff")])


def test_a_fault_in_what_is_done_is_told_and_the_rest_goes_on(both: tuple[Worker, Worker]) -> None:
    one, two = both

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    assert two.neighbours._duties is not None
    two.neighbours._duties = two.neighbours._duties._replace(take_response=fail)
    one.neighbours.hand_over_response(2, b"SIP/2.0 200", UDP)
    one.neighbours.hand_over(2, b"REGISTER", UDP)
    eventually(lambda: ("request", (b"REGISTER", UDP)) in two.told)
    assert ("error", "what worker 1 said could not be handled: RuntimeError('broken')") in two.told
