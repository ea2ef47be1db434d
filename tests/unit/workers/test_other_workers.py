"""Two workers in one process, each with real sockets and played duties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.workers import other_workers
from appliance.workers.duties import Duties
from appliance.workers.other_workers import OtherWorkers
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
        self.others = OtherWorkers(number, places, lambda level, message: self.told.append((level, message)))

    def listen(self) -> None:
        def note(name: str) -> Callable[..., None]:
            return lambda *what: self.told.append((name, what if len(what) > 1 else what[0]))

        hearing = Hearing(self.locations, lambda ruids: None, self._read, other_workers.monotonic)
        duties = Duties(
            take_response=note("response"),
            take_request=note("request"),
            has_invite=lambda data, hop: data in self.invites,
            send_by_connection=note("send"),
            connections=lambda: self.connections,
            connection_lost=note("lost"),
            hung_up=note("hung up"),
            guessed=note("guessed"),
            boot=lambda: 100 + self.number,
        )
        self.others.listen(hearing, duties)

    def _read(self) -> None:
        self.readings += 1


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    workers = Worker(1, tmp_path), Worker(2, tmp_path)
    for worker in workers:
        worker.listen()
    for worker in workers:
        worker.others.start()
    eventually(lambda: all(worker.others.living == [1, 2] for worker in workers))
    yield workers
    for worker in workers:
        worker.others.stop()


def eventually(question: Callable[[], object]) -> None:
    with gevent.Timeout(10):
        while not question():
            gevent.sleep(0.005)


def test_the_first_that_lives_leads(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert (one.others.leads, two.others.leads) == (True, False)
    one.others.stop()
    eventually(lambda: two.others.leads)
    assert two.others.living == [2]


def test_messages_are_handed_over_as_they_came(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert one.others.hand_over(2, b"REGISTER", UDP)
    assert one.others.hand_over_response(2, b"SIP/2.0 200", UDP)
    eventually(lambda: len(two.told) == 2)
    assert two.told == [("request", (b"REGISTER", UDP)), ("response", (b"SIP/2.0 200", UDP))]
    assert one.others.handed == {"response": 1, "request": 1}


def test_nothing_is_handed_to_oneself_or_to_nobody(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert not one.others.hand_over_response(1, b"SIP/2.0 200", UDP)
    assert not one.others.hand_over_response(7, b"SIP/2.0 200", UDP)
    two.others.stop()
    eventually(lambda: not one.others.hand_over(2, b"REGISTER", UDP))
    assert not one.others.hand_over_response(2, b"SIP/2.0 200", UDP)


def test_a_nonce_is_known_by_worker_and_boot(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert one.others.has_issued(2, 102)
    assert not one.others.has_issued(2, 99)
    assert not one.others.has_issued(1, 101)
    two.others.stop()
    eventually(lambda: not one.others.has_issued(2, 102))


def test_who_has_the_invite_takes_the_cancel(both: tuple[Worker, Worker]) -> None:
    one, two = both
    assert not one.others.find_invite(b"CANCEL", UDP)
    assert two.told == []
    two.invites.add(b"CANCEL")
    assert one.others.find_invite(b"CANCEL", UDP)
    eventually(lambda: two.told == [("request", (b"CANCEL", UDP))])


def test_who_looks_something_up_hears_what_lies_unread(both: tuple[Worker, Worker]) -> None:
    """Without a turn of the loop in between, as when a call comes right behind a registration."""
    one, two = both
    for number in range(3):
        told = binding(f"r{number}", contact=f"sip:10@192.0.2.{number}")
        one.others.changed({told.ruid: told}, lambda: None)
        assert two.locations.get(told.ruid) is None
        two.others.hear()
        assert two.locations.get(told.ruid) is not None


def test_a_worker_that_came_anew_is_heard_from_its_first_news_on(
    both: tuple[Worker, Worker], tmp_path: Path
) -> None:
    one, two = both
    first = binding("r1")
    one.others.changed({first.ruid: first}, lambda: None)
    eventually(lambda: two.locations.get("r1") is not None)
    one.others.stop()
    again = Worker(1, tmp_path)
    again.listen()
    again.others.start()
    try:
        eventually(lambda: again.others.living == [1, 2])
        second = binding("r2", contact="sip:10@192.0.2.2")
        again.others.changed({second.ruid: second}, lambda: None)
        two.others.hear()
        assert two.locations.get("r2") is not None
    finally:
        again.others.stop()


def test_a_binding_is_known_to_the_other_before_it_is_answered(both: tuple[Worker, Worker]) -> None:
    one, two = both
    known: list[bool] = []
    one.others.changed({"r1": binding("r1")}, lambda: known.append(bool(two.locations.lookup(AOR, 60.0))))
    eventually(lambda: known)
    assert known == [True]
    two.others.changed({"r1": None}, lambda: known.append(bool(one.locations.lookup(AOR, 60.0))))
    eventually(lambda: len(known) == 2)
    assert known == [True, False]
    assert (one.readings, two.readings) == (0, 0)


def test_connections_are_known_from_the_beginning_and_as_they_come(tmp_path: Path) -> None:
    one, two = Worker(1, tmp_path), Worker(2, tmp_path)
    one.connections = [flow(number, 1000 + number) for number in range(1, 1200)]
    for worker in (one, two):
        worker.listen()
        worker.others.start()
    try:
        eventually(lambda: len(two.others.flows) == 1199)
        one.others.connection(True, flow(5000, 9))
        eventually(lambda: two.others.flows.find(flow(5000, 9)) is not None)
        assert two.others.send_by_owner(b"INVITE", flow(0, 9))
        eventually(lambda: one.told == [("send", (b"INVITE", flow(5000, 9)))])
        one.others.connection(False, flow(5000, 9))
        eventually(lambda: two.told == [("lost", flow(5000, 9))])
        assert not two.others.send_by_owner(b"INVITE", flow(5000, 9))
        one.connections = one.connections[:1]
        one.others.stop()
        eventually(lambda: len(two.others.flows) == 0)
        eventually(lambda: len(two.told) == 1200)
    finally:
        for worker in (one, two):
            worker.others.stop()


def test_what_cannot_be_read_is_something_missed(both: tuple[Worker, Worker]) -> None:
    one, two = both
    one.others._link.send(2, b"another version's")
    eventually(lambda: two.readings == 1)
    assert two.others.behind


def test_a_call_that_ends_elsewhere(both: tuple[Worker, Worker]) -> None:
    one, two = both
    one.others.hung_up("call-\udcff")
    eventually(lambda: two.told == [("hung up", "call-\udcff")])


def test_wrong_passwords_are_told(both: tuple[Worker, Worker]) -> None:
    one, two = both
    counts = {f"{number}@example.org": 1 + number % 3 for number in range(250)}
    one.others.guessed(counts)
    eventually(lambda: len(two.told) == 3)
    heard = [part for what, part in two.told if what == "guessed" and isinstance(part, dict)]
    assert {user: count for part in heard for user, count in part.items()} == counts


def test_a_fault_in_what_is_done_is_told_and_the_rest_goes_on(both: tuple[Worker, Worker]) -> None:
    one, two = both

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    assert two.others._duties is not None
    two.others._duties = two.others._duties._replace(take_response=fail)
    one.others.hand_over_response(2, b"SIP/2.0 200", UDP)
    one.others.hand_over(2, b"REGISTER", UDP)
    eventually(lambda: ("request", (b"REGISTER", UDP)) in two.told)
    assert ("error", "what worker 1 said could not be handled: RuntimeError('broken')") in two.told
