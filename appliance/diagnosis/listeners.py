"""The addresses of the settings: is each of them listened on, and by us."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address

from appliance.config.listener import Listener
from appliance.diagnosis.finding import AS_ROOT, Finding, few
from appliance.diagnosis.kernel_sockets import Owner, owners, sockets
from appliance.diagnosis.surroundings import Surroundings

_INIT = 1  # systemd keeps our sockets while we restart


def judge(
    wanted: Collection[Listener],
    heard: Mapping[Listener, Collection[Owner]],
    ours: Collection[int] | None,
    start: str,
    *,
    kept: bool = True,
) -> Finding:
    """``heard`` is what is listened on and by whom; nobody: it is not ours to see. ``ours`` are the server's
    processes, None while it is down; ``kept``: systemd may have our sockets open meanwhile. ``start`` is what
    starts the server."""
    deaf = []
    for each in wanted:
        strangers = _strangers(each.socket, heard, ours or ())
        if strangers:
            names = few([f"{owner.name} (process {owner.pid})" for owner in sorted(strangers)])
            see = f"ss -lnp 'sport = :{each.port}'"
            return Finding(
                "wrong",
                f"{each} is taken by {names}",
                f"End that, or give it another port ({see} shows it); then: {start}.",
            )
        if each.socket not in heard:
            deaf.append(str(each))
    if ours is None and not kept:
        # Who may see only his own processes sees that it is none of ours.
        taken = [each for each in wanted if _is_heard(each.socket, heard)]
        if taken:
            see = f"ss -lnp 'sport = :{taken[0].port}'"
            return Finding(
                "wrong",
                f"{taken[0]} is taken by another program",
                f"End that, or give it another port ({see} shows it to root); then: {start}.",
            )
    if deaf and ours is None:
        return Finding("unknown", f"nobody listens on {few(deaf)}, because the server does not run")
    if deaf:
        return Finding("wrong", f"nobody listens on {few(deaf)}", f"Open them anew: {start}.")
    if ours is None and not any(heard[each.socket] for each in wanted):
        return Finding("unknown", "somebody listens there, and only root sees who", AS_ROOT)
    return Finding("ok", few([str(each) for each in wanted]))


def look(around: Surroundings) -> Finding:
    """The settings, held against the kernel's sockets."""
    wanted = around.need("sip").sip.listeners
    proc = around.root / "proc"
    ports = {each.port for each in wanted}
    there = [each for each in sockets(proc) if each.listener.port in ports]
    whose = owners(proc, {each.inode for each in there})
    heard: dict[Listener, set[Owner]] = {}
    for each in there:
        heard.setdefault(each.listener, set()).update(whose.get(each.inode, ()))
    ours = None if around.status is None else around.pids
    start = "sipbox serve"
    if around.systemd:
        start = (
            "systemctl restart 'sipbox@*.socket' sipbox.target" if ours else "systemctl start sipbox.target"
        )
    return judge(wanted, heard, ours, start, kept=ours is not None or not around.systemd or _kept(around))


def _kept(around: Surroundings) -> bool:
    """Whether systemd has our sockets open, or would not say."""
    told = around.run(["systemctl", "show", "sipbox@*.socket", "--property=ActiveState", "--value"])
    return told is None or "active" in told.split()


def _is_heard(wanted: Listener, heard: Mapping[Listener, Collection[Owner]]) -> bool:
    return any(
        (each.transport, each.port) == (wanted.transport, wanted.port)
        and (each == wanted or ip_address(each.host).is_unspecified)
        for each in heard
    )


def _strangers(
    wanted: Listener, heard: Mapping[Listener, Collection[Owner]], ours: Collection[int]
) -> set[Owner]:
    """Who has that address, when it is none of us."""
    for each, who in heard.items():
        if _is_heard(wanted, {each: who}) and who and not any(_is_ours(owner, ours) for owner in who):
            return set(who)
    return set()


def _is_ours(owner: Owner, ours: Collection[int]) -> bool:
    return owner.pid == _INIT or owner.pid in ours
