"""Keep-alives: what is sent to phones behind a NAT, so that their NAT goes on letting calls in.

A NAT forgets a UDP flow after 30 seconds of silence, many a TCP flow after some minutes. So each phone behind
one is sent something every 20 seconds, by the flow that it registered with: an OPTIONS, which it answers
(its NAT then sees traffic both ways), or two line ends (RFC 5626 §4.4.1).

The interval is divided into ticks, and each phone has its own, by its binding's name: there is no timer and
no greenlet for a phone, and the load is even. More than so many in a second are never sent; beyond, a round
takes longer, and ``behind`` says how much. An OPTIONS is sent once and without a transaction: the next one
says what a retransmission would. Its branch bears the binding's name, so an answer is known by its first
bytes and nothing of it is read.

Each phone is the business of one: of the node whose socket it registered at, or which holds the shared
address now, there of the worker that has its connection, or whose share of the UDP phones it is in. Must not
know sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol
from zlib import crc32

from appliance.proxy.shared_address import SharedAddress
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.telemetry.counter import Counter
from appliance.transaction.timers import TimerWheel

#: As fine as the wheel is.
_TICK = 0.02
_MOST_TICKS = 10_000
_TICKS_AT_ONCE = 5
_EMPTY_LINES = b"\r\n\r\n"
#: Where a branch of ours stands in an answer: in its topmost Via, near its beginning.
_LOOKED_AT = 512
_MARK = b".alive."
_WORKER_SHIFT = 16


class KeepAliveSettings(Protocol):
    """The settings that matter here."""

    @property
    def keepalive(self) -> str: ...
    @property
    def keepalive_seconds(self) -> int: ...
    @property
    def keepalives_per_second(self) -> int: ...
    @property
    def remove_after_misses(self) -> int: ...


class Share(NamedTuple):
    """What is this worker's to keep alive: connections that it ``reaches`` itself, and of the phones on UDP
    part ``part()[0]`` of ``part()[1]``."""

    reaches: Callable[[Hop], bool]
    part: Callable[[], tuple[int, int]]


def everything() -> Share:
    """The share of a worker that is alone."""
    return Share(lambda _: True, lambda: (0, 1))


class KeepAlives:
    """Sends them, and counts who does not answer.

    It is told of the bindings behind a NAT (``add``, ``discard``, ``forget_all``) and finds them by
    ``binding(ruid)``. ``names`` are our listeners as the world knows them, ``sockets`` their index by the
    text that bindings have. ``domain()`` stands in From. ``send`` raises OSError. ``unreachable(binding)``
    is called for one that has missed too many; ``sent`` counts by transport. ``shared`` is the address that
    several boxes hold in turn.
    """

    def __init__(
        self,
        settings: KeepAliveSettings,
        *,
        binding: Callable[[str], Binding | None],
        names: Sequence[tuple[str, str, int]],
        sockets: Mapping[str, int],
        send: Callable[[bytes, Hop], None],
        wheel: TimerWheel,
        domain: Callable[[], str],
        unreachable: Callable[[Binding], object],
        sent: Counter[str],
        share: Share,
        worker: int,
        boot: int,
        shared: SharedAddress | None = None,
    ) -> None:
        self.configured = settings.keepalive != "off"
        self.enabled = self.configured
        self.behind = 0.0
        self.answered = 0
        self.removed = 0
        self._empty_lines = settings.keepalive == "crlf"
        self._most_misses = settings.remove_after_misses
        self._binding = binding
        self._via = [
            f"{transport.upper()} [{host}]:{port}" if ":" in host else f"{transport.upper()} {host}:{port}"
            for transport, host, port in names
        ]
        self._sockets = sockets
        self._send = send
        self._wheel = wheel
        self._domain = domain
        self._unreachable = unreachable
        self._sent = sent
        self._share = share
        self._shared = shared
        # Only who counts the misses has to hear the answers: they come to any worker.
        self._number = f"{worker << _WORKER_SHIFT:x}" if self._most_misses else "0"
        self._boot = f"{boot & 0xFFFFFFFF:x}"
        self._serial = 0
        self._ticks = max(1, min(_MOST_TICKS, round(settings.keepalive_seconds / _TICK)))
        self._step = settings.keepalive_seconds / self._ticks
        self._per_second = settings.keepalives_per_second
        self._at_once = max(1.0, _TICKS_AT_ONCE * self._step * settings.keepalives_per_second)
        self._may_send = 1.0
        self._last = 0.0
        # By tick; a value is what of the name's checksum has no part in the tick, for the share.
        self._phones: dict[int, dict[str, int]] = {}
        self._waiting: list[str] = []
        self._misses: dict[str, int] = {}
        self._began = 0.0
        self._done = 0
        self.phones = 0

    # -- which phones ----------------------------------------------------------------------------------------

    def add(self, ruid: str) -> None:
        """A phone behind a NAT has registered, or again."""
        other, tick = divmod(crc32(ruid.encode("utf-8", "surrogateescape")), self._ticks)
        phones = self._phones.get(tick)
        if phones is None:
            phones = self._phones[tick] = {}
        self.phones += ruid not in phones
        phones[ruid] = other

    def discard(self, ruid: str) -> None:
        """It is gone, or registers again: what it has missed is forgotten."""
        tick = crc32(ruid.encode("utf-8", "surrogateescape")) % self._ticks
        phones = self._phones.get(tick)
        if phones is not None and phones.pop(ruid, None) is not None:
            self.phones -= 1
            if not phones:
                del self._phones[tick]
        if self._misses:
            self._misses.pop(ruid, None)

    def forget_all(self) -> None:
        """All bindings are read again."""
        self._phones.clear()
        self._misses.clear()
        self.phones = 0

    # -- sending ---------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """From now on they are sent, if they are at all."""
        if self.configured:
            self._began, self._last, self._done = now, now, 0
            self._wheel.schedule(now + self._step, self.beat)

    def enable(self, enabled: bool) -> bool:
        """Switches them off or on again; False when the settings have none."""
        if self.configured:
            self.enabled = enabled
        return self.configured

    def beat(self, now: float) -> None:
        """One tick: those whose turn it is, and no more than may be sent in one."""
        self._wheel.schedule(now + self._step, self.beat)
        due = int((now - self._began) / self._step + 1e-6)
        if not self.enabled:
            self._done = due
            self._waiting.clear()
            return
        late = due - self._done - self._ticks
        if late > 0:  # a whole round behind: it takes longer, and nobody is left out
            self._began += late * self._step
            due -= late
        # What a tick that came late did not send, the next one may; but not a second's at once.
        left = min(self._may_send + (now - self._last) * self._per_second, self._at_once)
        self._last = now
        part, parts = self._share.part()
        waiting = self._waiting
        while left >= 1:
            if not waiting:
                if self._done >= due:
                    break
                phones = self._phones.get(self._done % self._ticks)
                self._done += 1
                if phones is None:
                    continue
                waiting += [
                    ruid
                    for ruid, other in phones.items()
                    if parts == 1 or self._mine(ruid, other, part, parts)
                ]
                continue
            left -= self._keep_alive(waiting.pop())
        self._may_send = left
        self.behind = (due - self._done) * self._step

    def _mine(self, ruid: str, other: int, part: int, parts: int) -> bool:
        """Whether a phone is this worker's; of one on a stream its connection decides, later."""
        binding = self._binding(ruid)
        if binding is None or binding.hop is None:
            return False
        return binding.hop.transport != "udp" or other % parts == part

    def _keep_alive(self, ruid: str) -> bool:
        """Whether something was sent."""
        binding = self._binding(ruid)
        if binding is None or binding.hop is None:
            return False
        hop = binding.hop
        listener = self._sockets.get(binding.socket or "", -1)
        if listener < 0:
            return False  # another node's phone
        if self._shared is not None and not self._shared.may_send(listener):
            return False  # whoever holds the address does it
        if hop.transport != "udp":
            if not self._share.reaches(hop):
                return False
        elif hop.listener < 0:
            hop = hop._replace(listener=listener)
        if self._most_misses and self._has_missed_too_many(binding):
            return False
        try:
            self._send(_EMPTY_LINES if self._empty_lines else self._options(binding, listener), hop)
        except OSError:
            return True  # there is no way now; perhaps there is the next time
        self._sent[hop.transport] += 1
        return True

    def _options(self, binding: Binding, listener: int) -> bytes:
        self._serial += 1
        contact, ruid, mark = binding.contact, binding.ruid, f"{self._boot}{self._serial:x}"
        return (
            f"OPTIONS {contact} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self._via[listener]};branch=z9hG4bKsb{self._number}.alive.{ruid}.{mark};rport\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:keepalive@{self._domain()}>;tag={mark}\r\n"
            f"To: <{contact}>\r\n"
            f"Call-ID: {mark}.{ruid}\r\n"
            "CSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode("utf-8", "surrogateescape")

    # -- answers ---------------------------------------------------------------------------------------------

    def is_answer(self, data: bytes) -> bool:
        """Whether this response is one to ours. Whatever it says, the phone is there."""
        mark = data.find(_MARK, 0, _LOOKED_AT)
        if mark < 0 or data.rfind(b"branch=z9hG4bKsb", max(0, mark - 40), mark) < 0:
            return False
        self.answered += 1
        if self._misses:
            name, dot, _ = data[mark + len(_MARK) : mark + 300].partition(b".")
            if dot:
                self._misses.pop(name.decode("ascii", "replace"), None)
        return True

    def _has_missed_too_many(self, binding: Binding) -> bool:
        """Counts one more that is not answered yet."""
        missed = self._misses.get(binding.ruid, 0)
        if missed < self._most_misses:
            self._misses[binding.ruid] = missed + 1
            return False
        del self._misses[binding.ruid]
        self.removed += 1
        self._unreachable(binding)
        return True
