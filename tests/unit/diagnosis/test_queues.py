from __future__ import annotations

from appliance.config import Listener
from appliance.diagnosis.kernel_sockets import KernelSocket
from appliance.diagnosis.queues import judge

HERE = Listener("udp", "192.0.2.1", 5060)


def seen(dropped: int, unread: int = 0) -> list[KernelSocket]:
    return [KernelSocket(HERE, unread, dropped, 1)]


def test_nothing_waits() -> None:
    assert judge(seen(0), seen(0), 4000, 10).what == "nothing waits, 0 dropped"


def test_what_was_dropped_some_time_ago_is_told_only() -> None:
    found = judge(seen(20), seen(20), 4000, 1_000_000)
    assert (found.state, found.what) == ("ok", "nothing waits, 20 dropped")


def test_drops_that_go_on() -> None:
    found = judge(seen(20), seen(23), 4000, 1_000_000)
    assert found.state == "wrong" and "drops messages: 3 in a moment, 23 in all" in found.what
    assert "sip.workers" in found.todo


def test_too_many_drops_so_far() -> None:
    assert judge(seen(50), seen(50), 4000, 10_000).what == "the kernel has dropped 50 messages so far"


def test_a_queue_that_is_not_read() -> None:
    found = judge(seen(0, 3000), seen(0, 3000), 4000, None)
    assert (found.state, found.what) == ("wrong", "3000 bytes wait unread at udp:192.0.2.1:5060")
