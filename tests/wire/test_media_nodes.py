"""rtpengine's nodes: questions that are lost, nodes that are silent, and which of them a call goes to."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from appliance.errors import MediaUnavailable
from appliance.media.choice import in_order
from appliance.media.node import Node, NodeSilent
from appliance.media.rtpengine import Rtpengine
from appliance.media.session import Session
from tests.harness.media_node import MediaNode, Question
from tests.harness.ports import free_port

PING = {"command": "ping"}


class Watcher:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.changes: list[tuple[str, bool]] = []

    def asked(self, command: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.told.append((command, result))

    def changed(self, node: str, up: bool, reason: str) -> None:
        self.changes.append((node, up))
        assert up or reason


class Nodes:
    """As many nodes as a test wants, and the client that asks them; ``known`` are each node's calls."""

    def __init__(self, count: int, patience: float = 5.0, ping_seconds: float = 3600) -> None:
        self.nodes = [MediaNode(self._answerer(number)) for number in range(count)]
        self.known: dict[int, set[bytes]] = {number: set() for number in range(count)}
        self.silent: set[int] = set()
        self.full: set[int] = set()
        self.watcher = Watcher()
        self.client = Rtpengine([node.address for node in self.nodes], patience, ping_seconds, self.watcher)

    def _answerer(self, number: int) -> Callable[[Question], Question | None]:
        def answer(question: Question) -> Question | None:
            command = question["command"]
            if number in self.silent:
                return None
            if command == b"ping":
                return {"result": "pong"}
            if number in self.full and command == b"offer":
                return {"result": "error", "error-reason": "Ran out of ports"}
            known = self.known[number]
            if command == b"offer":
                known.add(question["call-id"])
            elif question["call-id"] not in known:
                if command == b"delete":
                    return {"result": "ok", "warning": "Call-ID not found"}
                return {"result": "error", "error-reason": "Unknown call-id"}
            if command == b"delete":
                known.remove(question["call-id"])
                return {"result": "ok"}
            return {"result": "ok", "sdp": b"from node %d" % number}

        return answer

    def number_of(self, call_id: str, place: int = 0) -> int:
        """The node that comes at ``place`` for this call."""
        names = [node.name for node in self.nodes]
        return names.index(in_order(call_id, names)[place])

    def close(self) -> None:
        self.client.stop()
        for node in self.nodes:
            node.close()


@pytest.fixture
def play() -> Iterator[Callable[..., Nodes]]:
    played: list[Nodes] = []

    def play(*arguments: Any, **options: Any) -> Nodes:
        played.append(Nodes(*arguments, **options))
        return played[-1]

    yield play
    for each in played:
        each.close()


def soon(question: Callable[[], object], timeout: float = 20.0) -> None:
    """Lets the loop run until the answer is true."""
    until = time.monotonic() + timeout
    while not question():
        assert time.monotonic() < until
        gevent.sleep(0.01)


def offer(call_id: str) -> Session:
    return Session(call_id, "A", None, b"v=0")


# -- one node ------------------------------------------------------------------------------------------------


def test_an_answer_finds_its_question() -> None:
    fake = MediaNode(lambda question: {"result": "ok", "sdp": question["sdp"]})
    node = Node(*fake.address, 5.0)
    try:
        asked = [gevent.spawn(node.ask, {"command": "offer", "sdp": f"{n}"}) for n in range(50)]
        assert [each.get(timeout=20)["sdp"] for each in asked] == [b"%d" % n for n in range(50)]
        assert len({cookie for cookie, _ in fake.questions}) == 50
    finally:
        node.close()
        fake.close()


def test_a_node_of_the_tests_overlooks_what_was_meant_for_somebody_before_it() -> None:
    fake = MediaNode(lambda _: {"result": "pong"})
    node = Node(*fake.address, 5.0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"OPTIONS sip:10@127.0.0.1 SIP/2.0\r\n\r\n", fake.address)
        assert node.ask(PING) == {"result": b"pong"}
    finally:
        node.close()
        fake.close()


def test_a_lost_question_is_sent_again_with_its_cookie() -> None:
    lost = [True, True]
    fake = MediaNode(lambda _: None if lost and lost.pop() else {"result": "pong"})
    node = Node(*fake.address, 10.0)
    try:
        assert node.ask(PING) == {"result": b"pong"}
        assert len(fake.questions) == 3
        assert len({cookie for cookie, _ in fake.questions}) == 1
        node.ask(PING)
        assert len({cookie for cookie, _ in fake.questions}) == 2
    finally:
        node.close()
        fake.close()


@pytest.mark.parametrize("answer", [None, b"x", b"le", b"de", b"d6:resulti1ee", b""])
def test_silence_and_nonsense_are_no_answer(answer: bytes | None) -> None:
    fake = MediaNode(lambda _: answer)
    node = Node(*fake.address, 0.2)
    try:
        with pytest.raises(NodeSilent):
            node.ask(PING)
        assert fake.questions
    finally:
        node.close()
        fake.close()


def test_where_nobody_listens_nobody_waits() -> None:
    node = Node("127.0.0.1", free_port(), 600.0)
    try:
        with pytest.raises(NodeSilent, match="nobody listens"):
            node.ask(PING)
    finally:
        node.close()


def test_a_node_that_comes_back_is_heard() -> None:
    port = free_port()
    node = Node("127.0.0.1", port, 600.0)
    with pytest.raises(NodeSilent):
        node.ask(PING)
    fake = MediaNode(lambda _: {"result": "pong"}, port)
    try:
        assert node.ask(PING) == {"result": b"pong"}
    finally:
        node.close()
        fake.close()


def test_closing_lets_nobody_wait() -> None:
    fake = MediaNode(lambda _: None)
    node = Node(*fake.address, 600.0)
    asked = gevent.spawn(node.ask, PING)
    try:
        soon(lambda: fake.questions)
        node.close()
        with pytest.raises(NodeSilent, match="closed"):
            asked.get(timeout=20)
    finally:
        fake.close()


# -- several -------------------------------------------------------------------------------------------------


def test_all_that_belongs_to_a_call_goes_to_one_node(play: Callable[..., Nodes]) -> None:
    nodes = play(3)
    for number in range(20):
        call = f"call{number}"
        expected = b"from node %d" % nodes.number_of(call)
        assert nodes.client.offer(offer(call)) == expected
        assert nodes.client.answer(Session(call, "A", "B", b"v=0")) == expected
        nodes.client.delete(call, "A", "B")
    soon(lambda: not any(nodes.known.values()))
    assert sum(len(node.questions) for node in nodes.nodes) == 60
    assert nodes.watcher.told.count(("offer", "ok")) == 20


def test_a_call_whose_node_is_silent_goes_to_the_next_and_stays_there(play: Callable[..., Nodes]) -> None:
    nodes = play(3, patience=0.3)
    own, other = nodes.number_of("c"), nodes.number_of("c", 1)
    nodes.silent.add(own)
    assert nodes.client.offer(offer("c")) == b"from node %d" % other
    assert nodes.watcher.changes == [(nodes.nodes[own].name, False)]
    asked = len(nodes.nodes[own].questions)

    assert nodes.client.answer(Session("c", "A", "B", b"")) == b"from node %d" % other
    assert len(nodes.nodes[own].questions) == asked, "nobody waits for a node that is known to be away"

    nodes.silent.clear()
    nodes.client.start()
    soon(lambda: all(nodes.client.states.values()))
    assert nodes.watcher.changes[-1] == (nodes.nodes[own].name, True)
    assert nodes.client.offer(offer("c")) == b"from node %d" % other, "it stays where its ports are"
    nodes.client.delete("c", "A", "B")
    soon(lambda: not nodes.known[other])
    assert nodes.client.offer(offer("c")) == b"from node %d" % own


def test_a_call_that_another_worker_has_put_elsewhere_is_found(play: Callable[..., Nodes]) -> None:
    nodes = play(3)
    other = nodes.number_of("c", 2)
    nodes.known[other].add(b"c")
    assert nodes.client.answer(Session("c", "A", "B", b"")) == b"from node %d" % other
    second = nodes.known[nodes.number_of("d", 1)]
    second.add(b"d")
    nodes.client.delete("d", "A", "B")
    soon(lambda: b"d" not in second)


def test_a_node_without_ports_lets_the_next_one_have_the_call(play: Callable[..., Nodes]) -> None:
    nodes = play(2)
    own, other = nodes.number_of("c"), nodes.number_of("c", 1)
    nodes.full.add(own)
    assert nodes.client.offer(offer("c")) == b"from node %d" % other
    assert not nodes.watcher.changes
    nodes.full.add(other)
    with pytest.raises(MediaUnavailable, match="Ran out of ports"):
        nodes.client.offer(offer("d"))
    assert ("offer", "refused") in nodes.watcher.told


def test_when_all_are_away_it_is_said_at_once(play: Callable[..., Nodes]) -> None:
    nodes = play(2, patience=0.2)
    nodes.silent |= {0, 1}
    with pytest.raises(MediaUnavailable, match="no answer within"):
        nodes.client.offer(offer("c"))
    asked = [len(node.questions) for node in nodes.nodes]
    with pytest.raises(MediaUnavailable, match="no node answers"):
        nodes.client.offer(offer("d"))
    assert [len(node.questions) for node in nodes.nodes] == asked
    assert nodes.client.states == {node.name: False for node in nodes.nodes}


def test_pings_tell_of_a_node_that_goes_and_comes(play: Callable[..., Nodes]) -> None:
    nodes = play(1, patience=0.2, ping_seconds=0.05)
    name = nodes.nodes[0].name
    nodes.client.start()
    soon(lambda: ("ping", "ok") in nodes.watcher.told)
    nodes.silent.add(0)
    soon(lambda: nodes.watcher.changes == [(name, False)])
    nodes.silent.clear()
    soon(lambda: nodes.watcher.changes == [(name, False), (name, True)])


def test_a_node_that_is_taken_out_of_the_work_keeps_its_calls(play: Callable[..., Nodes]) -> None:
    nodes = play(2)
    own, other = nodes.number_of("c"), nodes.number_of("c", 1)
    nodes.client.offer(offer("c"))
    assert nodes.client.enable(nodes.nodes[own].name, False)
    assert not nodes.client.enable("192.0.2.99:1", False)
    again = Session("c", "A", "B", b"")
    assert nodes.client.offer(again) == nodes.client.answer(again) == b"from node %d" % own
    new = next(call for call in map(str, range(1000)) if nodes.number_of(call) == own)
    assert nodes.client.offer(offer(new)) == b"from node %d" % other
    assert nodes.client.offer(Session(new, "A", "B", b"")) == b"from node %d" % other
    nodes.client.enable(nodes.nodes[other].name, False)
    with pytest.raises(MediaUnavailable):
        nodes.client.offer(offer("more"))
    assert nodes.client.enable(nodes.nodes[own].name, True)
    assert nodes.client.offer(offer("more")) == b"from node %d" % own


def test_when_the_server_stops_no_node_is_said_to_be_away(play: Callable[..., Nodes]) -> None:
    nodes = play(1, patience=600.0)
    nodes.silent.add(0)
    asked = gevent.spawn(nodes.client.offer, offer("c"))
    soon(lambda: nodes.nodes[0].questions)
    nodes.client.stop()
    with pytest.raises(MediaUnavailable):
        asked.get(timeout=20)
    assert nodes.watcher.changes == []


def test_a_delete_lets_nobody_wait(play: Callable[..., Nodes]) -> None:
    nodes = play(1, patience=600.0)
    nodes.silent.add(0)
    nodes.client.delete("c", "A", None)
    soon(lambda: nodes.nodes[0].asked("delete"))
    assert "to-tag" not in nodes.nodes[0].asked("delete")[0]
