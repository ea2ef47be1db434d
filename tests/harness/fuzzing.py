"""Spoilt inputs by the million: how they are made, and what is watched while somebody reads them.

A ``Mutator`` makes them out of seeds, the same ones each time for the same number, so that a failure can be
looked at again. ``fuzz`` gives them to a reader, one after the other: whatever it raises, or takes more
processor time for than an input deserves, is told together with the input. Must not know what is read.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

#: No input of a datagram's size deserves more processor time, on the slowest machine there is.
SECONDS = 1.0
#: What means something to one of those who read: it goes in at any place.
PIECES = [
    *(bytes([byte]) for byte in b"\"'<>()[]{},;:@%\\/?=&*+-. \t\r\n\0\x1b\x7f\x80\xc3\xed\xff"),
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\r\n ",
        b"\r\n\t",
        b"%00",
        b"%0d%0a",
        b"%",
        b"\xed\xb3\xbf",
        b"\xc2\xb2",
    ),
    *(b"0", b"-1", b"255", b"256", b"65536", b"4294967296", b"9" * 40, b"1e9", b"0x10", b"\xd9\xa1"),
    *(b"sip:", b"sips:", b"tel:", b"urn:", b"SIP/2.0", b"z9hG4bK", b";lr", b";tag=", b";branch=", b";rport"),
    *(b";received=", b";transport=tcp", b";maddr=", b";expires=", b";q=2", b"[::1]", b"[2001:db8::1]", b"*"),
    *(b"\r\nl: 0", b"\r\nContent-Length: 5", b"\r\nVia: x", b"\r\nRoute: <sip:a;lr>", b"\r\nContact: *"),
    *(b"a" * 300, b"(" * 60, b'"' * 33, b"<" * 50, b"," * 200, b";" * 200, b"\r\n" * 40, b" " * 500),
]


class Mutator:
    """Makes one input after the other of ``seeds``: some of their parts are doubled, lost, exchanged with
    those of others, or have something written into them."""

    def __init__(self, seeds: Sequence[bytes], number: int) -> None:
        self.random = Random(number)
        self._seeds = list(seeds)
        self._lines = [line for seed in seeds for line in seed.split(b"\n")]

    def inputs(self, count: int) -> Iterator[bytes]:
        return (self.next() for _ in range(count))

    def next(self) -> bytes:
        random = self.random
        data = random.choice(self._seeds)
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            data = random.choice(_WAYS)(self, data)
        return data[:65_000]

    def _written(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data) + 1)
        left = self.random.choice((0, 0, 1, 2, 8))
        return data[:at] + self.random.choice(PIECES) + data[at + left :]

    def _flipped(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data) + 1)
        return data[:at] + self.random.randbytes(1) + data[at + 1 :]

    def _cut(self, data: bytes) -> bytes:
        first, last = sorted(self.random.randrange(len(data) + 1) for _ in range(2))
        return data[:first] + data[min(last, first + self.random.choice((1, 5, 40, 400))) :]

    def _doubled(self, data: bytes) -> bytes:
        first, last = sorted(self.random.randrange(len(data) + 1) for _ in range(2))
        piece = data[first : min(last, first + 60)]
        return data[:last] + piece * self.random.choice((1, 1, 2, 30)) + data[last:]

    def _crossed(self, data: bytes) -> bytes:
        other = self.random.choice(self._seeds)
        return data[: self.random.randrange(len(data) + 1)] + other[self.random.randrange(len(other) + 1) :]

    def _line(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        at = self.random.randrange(len(lines))
        lines[at : at + self.random.randrange(2)] = [self.random.choice(self._lines)]
        return b"\n".join(lines)

    def _line_moved(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        line = lines.pop(self.random.randrange(len(lines)))
        lines.insert(self.random.randrange(len(lines) + 1), line)
        return b"\n".join(lines)


_WAYS: list[Callable[[Mutator, bytes], bytes]] = [
    Mutator._written, Mutator._written, Mutator._flipped, Mutator._cut, Mutator._doubled, Mutator._crossed,
    Mutator._line, Mutator._line_moved,
]  # fmt: skip


def memory(pid: int | None = None) -> int:
    """The resident memory of a process, or of this one, in bytes."""
    pages = int(Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def watched() -> Iterator[None]:
    """Ends in an AssertionError whatever computes for longer than an input deserves."""

    def too_long(_: int, frame: FrameType | None) -> None:
        raise AssertionError(f"more than {SECONDS:g} s for one input, at {frame}")

    before = signal.signal(signal.SIGPROF, too_long)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fuzz(read: Callable[[bytes], object], inputs: Iterator[bytes], *, warm_up: int = 0) -> int:
    """Gives ``read`` each of the inputs; how many bytes of memory more there were at the end than after the
    first ``warm_up`` of them.

    AssertionError with the input when one takes too long, or anything is raised that ``read`` let through.
    """
    began = 0
    with watched():
        for number, data in enumerate(inputs):
            if number == warm_up:
                gc.collect()
                began = memory()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                read(data)
            except Exception as fault:
                raise AssertionError(f"input {number}, {data!r}: {fault!r}") from fault
    gc.collect()
    return memory() - began
