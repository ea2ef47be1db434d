"""How much each worker has told, on a page of memory that all of them share.

Before each lookup a worker takes in what the others have told and it has not read. Asking their connections
for that is a system call for each of them; here it is a comparison of two numbers. Who tells writes down how
much, and then sends it: what has not been written down has not been sent.

A slot holds what names the process, and the number of its last news. One that nobody writes (a worker of
another version) is never equal to what was heard, so connections are asked each time. Must not know what is
told.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

#: Numbers for each worker; there are at most 64 workers, and none has the number 0.
_SLOT: Final = 2
_NUMBER: Final = "q"  # 8 bytes, written at once
_SIZE: Final = mmap.PAGESIZE


class Told:
    """The page at ``place``, in which ``worker`` writes its own slot."""

    def __init__(self, place: Path, worker: int) -> None:
        self._place = place
        self._own = worker * _SLOT
        self._page: mmap.mmap | None = None
        self._slots: memoryview = memoryview(bytearray(_SIZE)).cast(_NUMBER)

    def open(self) -> None:
        """From now on the others see it. Raises OSError."""
        descriptor = os.open(self._place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            if os.fstat(descriptor).st_size < _SIZE:
                os.ftruncate(descriptor, _SIZE)
            self._page = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)
        self._slots = memoryview(self._page).cast(_NUMBER)

    def close(self) -> None:
        if self._page is not None:
            self._slots.release()
            self._slots = memoryview(bytearray(_SIZE)).cast(_NUMBER)
            self._page.close()
            self._page = None

    def tells(self, process: int, number: int) -> None:
        """News ``number`` of this process are about to be sent."""
        slots, own = self._slots, self._own
        if slots[own] != process:
            slots[own + 1] = 0  # never the old process's number with the new one's name
            slots[own] = process
        slots[own + 1] = number

    def last_is(self, worker: int, heard: tuple[int, int]) -> bool:
        """Whether a worker has told no more than was heard: its process, and the number of its news."""
        slot = worker * _SLOT
        return self._slots[slot] == heard[0] and self._slots[slot + 1] == heard[1]
