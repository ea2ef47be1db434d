from __future__ import annotations

from appliance.config import Listener
from appliance.diagnosis.kernel_sockets import KernelSocket
from appliance.diagnosis.queues import judge

HERE = Listener("udp", "192.0.2.1", 5060)


def seen(dropped: int, unread: int = 0) -> list[KernelSocket]:
    return [KernelSocket(HERE, unread, dropped, 1)]


def test_nothing_waits() -> None:
    assert judge(seen(0), seen(0), 4000).what == "nothing waits, 0 messages dropped so far"


def test_what_was_dropped_some_time_ago_is_told_only() -> None:
    """A flood that is over, since the sockets were opened: nobody has to mend it."""
    found = judge(seen(10_667), seen(10_667), 4000)
    assert (found.state, found.what) == ("ok", "nothing waits, 10667 messages dropped so far")


def test_drops_that_go_on() -> None:
    found = judge(seen(20), seen(23), 4000)
    assert found.state == "wrong" and "drops messages: 3 in a moment, 23 in all" in found.what
    assert "sip.workers" in found.todo


def test_a_queue_that_is_not_read() -> None:
    found = judge(seen(0, 3000), seen(0, 3000), 4000)
    assert (found.state, found.what) == ("wrong", "3000 bytes wait unread at udp:192.0.2.1:5060")
