"""The queues of the listening sockets: whether they are read fast enough, and whether the kernel drops now.

Drops are counted since a socket is there, and that may be weeks: two looks tell whether it goes on. What is
over is told, and nobody has to mend it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from appliance.diagnosis.finding import Finding, Unknown, count
from appliance.diagnosis.kernel_sockets import KernelSocket, sockets
from appliance.diagnosis.surroundings import Surroundings

_BETWEEN = 0.2
_HALF = 0.5


def judge(before: Sequence[KernelSocket], after: Sequence[KernelSocket], buffer: int) -> Finding:
    """``before`` and ``after`` are two looks, ``buffer`` the bytes that a UDP socket holds."""
    known = {each.inode: each.dropped for each in before}
    total = sum(each.dropped for each in after)
    now = sum(each.dropped - known.get(each.inode, each.dropped) for each in after)
    todo = (
        "See what takes the time: top; then let more workers share the phones (sip.workers), or raise"
        " sip.receive_buffer and net.core.rmem_max: sipbox config show."
    )
    if now > 0:
        return Finding("wrong", f"the kernel drops messages: {now} in a moment, {total} in all", todo)
    full = [each for each in after if each.listener.transport == "udp" and each.unread > buffer * _HALF]
    if full:
        return Finding("wrong", f"{full[0].unread} bytes wait unread at {full[0].listener}", todo)
    waiting = sum(each.unread for each in after if each.listener.transport == "udp")
    told = "nothing waits" if not waiting else f"{waiting} bytes wait"
    return Finding("ok", f"{told}, {count(total, 'message')} dropped so far")


def look(around: Surroundings) -> Finding:
    """Two looks at the sockets of the settings."""
    settings = around.need("sip")
    around.needs_status()
    wanted = {each.socket for each in settings.sip.listeners}

    def ours() -> list[KernelSocket]:
        return [each for each in sockets(around.root / "proc") if each.listener in wanted]

    before = ours()
    if not before:
        raise Unknown("there are no sockets to look at")
    time.sleep(_BETWEEN)
    return judge(before, ours(), settings.sip.receive_buffer)
