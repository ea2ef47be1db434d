"""All nodes of rtpengine as one: each call has its node, and another one when that does not answer.

A node that leaves a question without an answer is away until it answers a ping; meanwhile nobody waits for
it. Where a call is follows from its Call-ID (``choice``); only those that had to go elsewhere are remembered.
Whoever asks waits in its own greenlet. Must not know SIP messages.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import gevent

from appliance.errors import MediaUnavailable
from appliance.media.choice import in_order
from appliance.media.node import Node, NodeSilent
from appliance.media.session import Session

# Calls that are not at their own node and are remembered; of one that is forgotten, each node is asked.
_MOST_ELSEWHERE = 100_000


class Watcher(Protocol):
    """Who is told what becomes of the questions."""

    def asked(self, command: str, result: str, seconds: float) -> None:
        """``result`` is ``ok``, ``refused`` or ``silent``."""

    def changed(self, node: str, up: bool, reason: str) -> None:
        """A node answers again, or does not any more."""


class Rtpengine:
    """The nodes, each an address (no brackets) and a port. ``patience`` and ``ping_seconds`` are seconds."""

    def __init__(
        self, nodes: Sequence[tuple[str, int]], patience: float, ping_seconds: float, watcher: Watcher
    ) -> None:
        made = [Node(host, port, patience) for host, port in nodes]
        self._nodes = {node.name: node for node in made}
        self._names = list(self._nodes)
        self._up = dict.fromkeys(self._names, True)  # until the first ping, which is sent at once
        self.disabled: set[str] = set()  # new calls go elsewhere
        self._elsewhere: OrderedDict[str, str] = OrderedDict()
        self._ping_seconds = ping_seconds
        self._stopped = False
        self._watcher = watcher
        self._pinging: list[gevent.Greenlet[..., None]] = []

    def start(self) -> None:
        """Looks after the nodes from now on."""
        self._pinging = [gevent.spawn(self._look_after, node) for node in self._nodes.values()]

    def stop(self) -> None:
        """Asks nothing more; what is unanswered now says nothing of the nodes."""
        self._stopped = True
        gevent.killall(self._pinging, block=False)
        for node in self._nodes.values():
            node.close()

    @property
    def states(self) -> dict[str, bool]:
        """Whether each node answers, by its name."""
        return dict(self._up)

    def enable(self, name: str, enabled: bool) -> bool:
        """Whether new calls may go to a node, until the next start; False when there is none of that name."""
        if name not in self._nodes:
            return False
        if enabled:
            self.disabled.discard(name)
        else:
            self.disabled.add(name)
        return True

    def offer(self, session: Session) -> bytes:
        """The description that the answerer gets in the place of the offerer's; raises MediaUnavailable."""
        return self._describe("offer", session)

    def answer(self, session: Session) -> bytes:
        """The description that the offerer gets in the place of the answerer's; raises MediaUnavailable."""
        return self._describe("answer", session)

    def delete(self, call_id: str, from_tag: str, to_tag: str | None) -> None:
        """The dialog is over, or without ``to_tag`` all that this INVITE began; returns at once."""
        question: dict[str, object] = {"command": "delete", "call-id": call_id, "from-tag": from_tag}
        question["delete-delay"] = 0  # nobody says anything more, and the ports are wanted
        if to_tag is not None:
            question["to-tag"] = to_tag
        gevent.spawn(self._delete, call_id, question)

    def _describe(self, command: str, session: Session) -> bytes:
        problem = "no node answers"
        begins = command == "offer" and session.answerer is None
        for node in self._candidates(session.call_id, begins):
            try:
                told = self._ask(node, session.question(command))
            except NodeSilent as silence:
                problem = str(silence)
                continue
            description = told.get("sdp")
            if isinstance(description, bytes):
                self._remember(session.call_id, node.name)
                return description
            # Out of ports, or a call that was begun at another node: that one may know better.
            problem = _reason(told)
        raise MediaUnavailable(f"{command}: {problem}")

    def _delete(self, call_id: str, question: Mapping[str, object]) -> None:
        for node in self._candidates(call_id, False):
            try:
                told = self._ask(node, question)
            except NodeSilent:
                continue  # what it knows of the call ends when nobody speaks any more
            if "warning" not in told and told["result"] == b"ok":
                break
        self._elsewhere.pop(call_id, None)

    def _candidates(self, call_id: str, begins: bool) -> Iterator[Node]:
        """The nodes that answer, the one that has the call or should have it first; for a call that begins,
        none that is disabled."""
        names = in_order(call_id, self._names)
        known = self._elsewhere.get(call_id)
        if known is not None:
            names.remove(known)
            names.insert(0, known)
        for name in names:
            if self._up[name] and not (begins and name in self.disabled):
                yield self._nodes[name]

    def _remember(self, call_id: str, name: str) -> None:
        if len(self._names) == 1 or in_order(call_id, self._names)[0] == name:
            self._elsewhere.pop(call_id, None)
            return
        self._elsewhere[call_id] = name
        if len(self._elsewhere) > _MOST_ELSEWHERE:
            self._elsewhere.popitem(last=False)

    def _ask(self, node: Node, question: Mapping[str, object]) -> dict[str, Any]:
        began, command = time.monotonic(), str(question["command"])
        try:
            told = node.ask(question)
        except NodeSilent as silence:
            self._watcher.asked(command, "silent", time.monotonic() - began)
            self._note(node, False, str(silence))
            raise
        good = told["result"] in (b"ok", b"pong")
        self._watcher.asked(command, "ok" if good else "refused", time.monotonic() - began)
        return told

    def _look_after(self, node: Node) -> None:
        while True:
            try:
                self._ask(node, {"command": "ping"})
            except NodeSilent:
                pass  # noted
            else:
                self._note(node, True, "")
            gevent.sleep(self._ping_seconds)

    def _note(self, node: Node, up: bool, reason: str) -> None:
        if self._up[node.name] != up and not self._stopped:
            self._up[node.name] = up
            self._watcher.changed(node.name, up, reason)


def _reason(told: Mapping[str, Any]) -> str:
    reason = told.get("error-reason") or told["result"]
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else "no reason given"
