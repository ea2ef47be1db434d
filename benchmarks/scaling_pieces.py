"""What scaling needs to know and no load shows: what workers tell one another, a keep-alive, a row.

    python -m benchmarks.scaling_pieces            # about a minute; needs mariadb-server

CPU time, in loops of their own but for the rows, which a real MariaDB takes. The figures are kept in
benchmarks/results/ as readings like those of side_by_side; ``scaling_simulation --renew`` takes the newest.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent.event

from appliance.neighbours.replicas import Replicas
from appliance.neighbours.replication import Replication
from appliance.neighbours.seal import Opener, Sealer
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.location_mariadb import MariaLocations
from appliance.storage.location_rows import refresh_of, row_of
from appliance.storage.subscribers import Subscribers
from appliance.transport.greenlets import ParkedGreenlets
from appliance.transport.udp import UdpListener
from appliance.workers import frames
from appliance.workers.shared_bindings import Hearing, Telling
from benchmarks import machine, report
from benchmarks.processor_time import family, resident_bytes
from benchmarks.registration_path import message
from benchmarks.servers import assert_durable, subscribers
from benchmarks.statistics_of_rounds import percentile
from tests.harness.mariadb import MariaDB
from tests.harness.sipbox import Sipbox

RESULTS = Path(__file__).parent / "results"
_ROUNDS = 5
_GROUP = 20  # bindings in one commit, and so in one packet
_MANY = 10_000
_ROWS = 100  # rows of a large commit
_AT_ONCE = 200  # keep-alives that wait in the socket


_Write = Callable[[list[Any]], object]
_Made = Callable[[int, int, int], list[Any]]


def binding(number: int, cseq: int = 1) -> Binding:
    """What a desk phone's REGISTER becomes."""
    user = f"u{number}"
    return Binding(
        AddressOfRecord(user, "192.0.2.15"),
        f"sip:{user}@192.0.2.10:{1024 + number % 60000};transport=udp",
        time.monotonic() + 3600,
        f"33706713ea3b83fd-{user}@192.0.2.10",
        cseq,
        user_agent="Grandstream BT110 1.0.8.33",
        received=f"sip:198.51.100.1:{1024 + number % 60000}",
        socket="udp:192.0.2.15:5060",
        hop=Hop("udp", "198.51.100.1", 1024 + number % 60000, 0),
        ruid=f"{number:032x}",
        modified=time.time(),
    )


def best(work: Callable[[], int]) -> float:
    """CPU µs for one of the things that ``work`` does and counts, the best of the rounds."""
    found = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        count = work()
        found.append((time.process_time() - begun) / count * 1e6)
    return min(found)


def neighbours() -> Iterator[tuple[str, float]]:
    """Telling and hearing a binding, and handing a message over: both ends of a socket between workers."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    locations = Locations()
    hearing = Hearing(locations, lambda _: None, lambda: None, time.monotonic)
    everybody = [[binding(n + i) for i in range(_GROUP)] for n in range(0, _MANY, _GROUP)]

    def say(news: frames.News) -> list[int]:
        here.send(frames.encode(1, news))
        return []

    telling = Telling(1, say, time.monotonic, time.time)
    spent = {"telling": 0.0, "hearing": 0.0}

    def tell_and_hear() -> int:
        spent["telling"] = spent["hearing"] = 0.0
        for group in everybody:
            begun = time.process_time()
            telling.changed({each.ruid: each for each in group}, lambda: None)
            told = time.process_time()
            heard = frames.decode(there.recv(1 << 20))
            assert heard is not None
            assert isinstance(heard[1], frames.News)
            hearing.hears(1, heard[1])
            spent["hearing"] += time.process_time() - told
            spent["telling"] += told - begun
        return _MANY

    rounds = []
    for _ in range(_ROUNDS):
        tell_and_hear()
        rounds.append((spent["hearing"], spent["telling"]))
    yield "telling a binding, µs", min(told for _, told in rounds) / _MANY * 1e6
    yield "hearing a binding, µs", min(heard for heard, _ in rounds) / _MANY * 1e6

    data, hop = message(7, 1), Hop("udp", "198.51.100.1", 5060, 0)

    def hand_over() -> int:
        for _ in range(_MANY):
            here.send(frames.encode(1, frames.Response(data, hop)))
            assert frames.decode(there.recv(1 << 20)) is not None
        return _MANY

    yield "handing a message over, µs", best(hand_over)
    here.close()
    there.close()


def boxes() -> Iterator[tuple[str, float]]:
    """Telling another box of a binding, and hearing it there: signed, in packets as a commit makes them."""
    everybody = [[binding(n + i) for i in range(_GROUP)] for n in range(0, _MANY, _GROUP)]
    with _datagrams() as (here, there), _datagrams() as (spare, _):
        rounds = []
        for _ in range(_ROUNDS):
            one, two = _node("one", "udp:192.0.2.15:5060", here), _node("two", "udp:192.0.2.16:5060", there)
            while _read(there) or _read(here):
                pass  # the first signs of life
            told = heard = 0.0
            for group in everybody:
                begun = time.process_time()
                one.tell({each.ruid: each for each in group})
                said = time.process_time()
                while packet := _read(there):
                    two.receive(packet, ("127.0.0.1", 1))
                heard += time.process_time() - said
                told += said - begun
            assert two.bindings == _MANY
            rounds.append((told, heard))
        packet = bytes(1000)  # four bindings
        yield "telling a box of a binding, µs", min(told for told, _ in rounds) / _MANY * 1e6
        yield "hearing a binding of a box, µs", min(heard for _, heard in rounds) / _MANY * 1e6
        yield "telling one box more, µs", best(lambda: sum(_sent(spare, packet) for _ in range(_MANY // 4)))


@contextmanager
def _datagrams() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets on loopback that send to one another."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        one.connect(two.getsockname())
        two.connect(one.getsockname())
        yield one, two


def _node(name: str, place: str, sock: socket.socket) -> Replication:
    key, life = b"k" * 32, time.time_ns() // 1000
    made = Replication(
        Sealer(key, name, life, "192.0.2.15:5060", time.time),
        Opener(key, name, life, 30, time.time),
        lambda packet, _: _sent(sock, packet),
        lambda *_: None,
        time.monotonic,
        time.time,
    )
    locations = Locations()
    made.begin(locations, Replicas(locations, [place], lambda _: None, time.monotonic, time.time))
    made.tick()
    return made


def _sent(sock: socket.socket, packet: bytes) -> int:
    """How many bindings were sent."""
    sock.send(packet)
    return 4


def _read(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1 << 16)
    except BlockingIOError:
        return b""


def keep_alive() -> Iterator[tuple[str, float]]:
    """An empty datagram, from the socket to the greenlet that throws it away."""
    seen: list[int] = []
    everything = gevent.event.Event()

    def throw_away(data: bytes, _: Hop) -> None:
        seen.append(len(data))
        if len(seen) == _AT_ONCE:
            everything.set()

    greenlets = ParkedGreenlets(throw_away, 10, lambda _: None)

    def receive(data: bytes, hop: Hop) -> None:
        greenlets.dispatch(data, hop)

    listener = UdpListener("127.0.0.1", 0, 0, receive)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.start()
    found = []
    for _ in range(_ROUNDS * 4):
        for _ in range(_AT_ONCE):
            sender.sendto(b"\r\n\r\n", ("127.0.0.1", listener.port))
        seen.clear()
        everything.clear()
        begun = time.process_time()
        everything.wait(10)
        found.append((time.process_time() - begun) / len(seen) * 1e6)
    yield "receiving a keep-alive, µs", min(found)
    listener.close()
    sender.close()


@contextmanager
def _tables() -> Iterator[tuple[MariaDB, Database, int]]:
    options = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
    with MariaDB(options=options) as mariadb:
        assert_durable(mariadb)
        box = Sipbox(mariadb.url("openser"))
        try:
            box.create_database()
            box.start()
            idle = resident_bytes(family(box.pid))
            box.stop()
            yield mariadb, Database(mariadb.url("openser")), idle
        finally:
            box.close()


def database() -> Iterator[tuple[str, float]]:
    """Rows and commits at MariaDB: CPU by two sizes of a commit, the rate by elapsed time."""
    with _tables() as (mariadb, connected, idle):
        yield "an idle worker, bytes", idle
        table = MariaLocations(Channel(connected))
        for first in range(0, _MANY, 500):
            table.upsert(whole_rows(first, 500, 1))

        def written(write: _Write, made: _Made, size: int, commits: int) -> float:
            begun = mariadb.cpu_seconds()
            for number in range(commits):
                # cseq is another one in each round, so that every row is changed
                write(made(number * size % _MANY, size, number + size))
            return (mariadb.cpu_seconds() - begun) / commits * 1e6

        for name, write, made in (
            ("a row refreshed", table.refresh, refreshed_rows),
            ("a whole row", table.upsert, whole_rows),
        ):
            large, one = written(write, made, _ROWS, 300), written(write, made, 1, 1500)
            a_row = (large - one) / (_ROWS - 1)
            yield f"MariaDB: {name}, µs", a_row
            yield f"MariaDB: a commit ({name}), µs", one - a_row
        groups = [refreshed_rows(number * 200 % _MANY, 200, 9000 + number) for number in range(100)]
        taken = []
        for group in groups:
            begun = time.monotonic()
            table.refresh(group)
            taken.append(time.monotonic() - begun)
        # The fastest tenth: others write to this disk too.
        yield "MariaDB: refreshes of one connection, rows/s", 200 / percentile(sorted(taken), 10)
        size = mariadb.sql(
            "select sum(allocated_size) from information_schema.innodb_sys_tablespaces"
            " where name = 'openser/location'"
        )
        yield "MariaDB: a binding on the disk, bytes", float(size[0][0]) / _MANY
        yield from _subscribers(mariadb, connected)


def whole_rows(first: int, count: int, cseq: int) -> list[Any]:
    """Rows as they are written when a phone comes, or by one of several workers."""
    offset = time.time() - time.monotonic()
    return [row_of(binding(number, cseq), offset) for number in range(first, first + count)]


def refreshed_rows(first: int, count: int, cseq: int) -> list[Any]:
    """What a refresh writes."""
    offset = time.time() - time.monotonic()
    return [refresh_of(binding(number, cseq), offset) for number in range(first, first + count)]


def _subscribers(mariadb: MariaDB, connected: Database) -> Iterator[tuple[str, float]]:
    count = 20_000
    mariadb.sql(subscribers(count), "openser")
    known = Subscribers(connected, only=lambda: "127.0.0.1")
    before = 0
    for number in range(count):
        if number == count // 4:  # by then whatever is needed once is there
            before = resident_bytes([os.getpid()])
        assert known.find(str(1000 + number), "127.0.0.1", "127.0.0.1") is not None
    yield "a subscriber in memory, bytes", (resident_bytes([os.getpid()]) - before) / (count * 3 / 4)


def main() -> None:
    """Measure, show and keep."""
    parts = {part.__name__: part for part in (neighbours, boxes, keep_alive, database)}
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--only", choices=parts, help="one part of it")
    only = options.parse_args().only
    readings = []
    for part in parts.values() if only is None else (parts[only],):
        for what, value in part():
            readings.append(report.Reading.of(1, "sipbox", f"piece: {what}", value))
            print(f"{value:12,.1f}  {what}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch:
        kept = report.kept(machine.describe(Path(scratch)), {"rounds": _ROUNDS}, readings)
    name = time.strftime("%Y-%m-%d-%H%M%S-pieces.json", time.gmtime())
    (RESULTS / name).write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
