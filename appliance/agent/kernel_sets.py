"""What the firewall is told: who is banned, and who is known, so that a flood ends in the kernel.

The sets of the table ``inet sipbox`` (role firewall): ``banned4`` and ``banned6``, which others may fill too
(fail2ban, an administrator), and ``known4`` and ``known6`` (networks: ``friends4`` and ``friends6``), whose
members are not limited with the strangers. All members have a time: when the agent is away, they run out, and
strangers and phones are limited alike, which nobody notices without a flood. What is ours among the bans
carries a comment, so that it is found again after a restart, and what others have put there stays.

The program ``nft`` is told in JSON (libnftables-json(5)). Must not know why somebody is banned.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import Any

import gevent
from gevent import subprocess

from appliance.agent.sip_process import SipProcess
from appliance.errors import ControlError

#: How often bans and new sources are looked at, and everything is told again.
SECONDS = 2.0
WHOLE_SECONDS = 600.0
#: How long a known source stays known to the kernel when nobody tells it again.
KNOWN_SECONDS = 3600
_AT_ONCE = 1000
_NFT_SECONDS = 20.0
_OURS = "sipbox"
_FAMILY_BITS = {4: 32, 6: 128}

Element = tuple[str, int]  # a source or network, and its seconds
Run = Callable[[str], str]


def nft(commands: str) -> str:
    """Has the program do it, and returns what it prints. Raises OSError with its words."""
    done = subprocess.run(
        ["nft", "--json", "--file", "-"],
        input=commands, capture_output=True, text=True, timeout=_NFT_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OSError(None, " ".join(done.stderr.split())[:300] or f"exit {done.returncode}")
    return str(done.stdout)


class KernelSets:
    """Keeps the sets as the SIP process says. ``run`` is ``nft``; ``say`` is told of trouble."""

    def __init__(self, process: SipProcess, say: Callable[[str, str], None], run: Run = nft) -> None:
        self._process = process
        self._say = say
        self._run = run
        self._banned: dict[str, float] = {}  # whom we have told the kernel, until when (wall time)
        self._number = -1
        self._whole_at = 0.0
        self._looking: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        self._looking = gevent.spawn(self._look)

    def stop(self) -> None:
        if self._looking is not None:
            self._looking.kill()

    def once(self, now: float) -> None:
        """Looks, and tells the kernel what is new; ``now`` is monotonic. Raises ControlError and OSError."""
        whole = now >= self._whole_at
        if whole:
            self._forget_lifted()
        self._tell_bans()
        self._tell_known(whole=whole)
        if whole:
            self._whole_at = now + WHOLE_SECONDS

    def _look(self) -> None:
        while True:
            try:
                self.once(time.monotonic())
            except ControlError:
                pass  # it is down, and what the kernel knows stays
            except (OSError, subprocess.TimeoutExpired) as error:
                why = getattr(error, "strerror", None) or error
                self._say("warning", f"the firewall cannot be told of bans: {why}")
                self._whole_at = 0.0
                gevent.sleep(10 * SECONDS)
            gevent.sleep(SECONDS)

    # -- bans ------------------------------------------------------------------------------------------------

    def _tell_bans(self) -> None:
        rows = self._asked()
        for source in [source for source in self._banned if source not in rows]:
            del self._banned[source]
            self._quietly([_element("delete", "banned", source)])
        for source, row in rows.items():
            if abs(self._banned.get(source, 0.0) - row["until"]) > 1:
                self._ban(source, row["seconds"])
                self._banned[source] = row["until"]

    def _asked(self) -> dict[str, dict[str, Any]]:
        """The bans that hold, by their source. One whose source has become known rests."""
        return {row["source"]: row for row in self._process.ask("bans") if not row.get("rests")}

    def _ban(self, source: str, seconds: int) -> None:
        fresh = _element("add", "banned", source, seconds, _OURS)
        # An element that is there keeps its time: so it is taken out, and it has to be there for that.
        if not self._quietly([fresh, _element("delete", "banned", source), fresh]):
            self._quietly([fresh])  # a network that it belongs to is banned already, or was by others

    def _forget_lifted(self) -> None:
        """After a start: bans of ours that are in the kernel, and were lifted while nobody told it."""
        self._banned = {}
        held = self._asked()
        for name in ("banned4", "banned6"):
            for source in self._ours(name):
                if source not in held:
                    self._quietly([_element("delete", "banned", source)])

    def _ours(self, name: str) -> list[str]:
        told = json.loads(self._do([{"list": {"set": {"family": "inet", "table": "sipbox", "name": name}}}]))
        found = []
        for each in told["nftables"]:
            for element in each.get("set", {}).get("elem", ()):
                inner = element.get("elem", {}) if isinstance(element, dict) else {}
                if inner.get("comment") == _OURS:
                    found.append(_written(inner["val"]))
        return found

    # -- who is known ----------------------------------------------------------------------------------------

    def _tell_known(self, *, whole: bool) -> None:
        if not whole:
            told = self._process.ask("known_news", after=self._number)
            if told["complete"]:
                self._know(told["sources"])
                self._number = told["number"]
                return
        first: int | None = 0
        while first is not None:
            told = self._process.ask("known_sources", first=first)
            self._know([*told["networks"], *told["sources"]])
            if first == 0:
                self._number = told["number"]
            first = told["next"]
            gevent.sleep(0)

    def _know(self, sources: Sequence[str]) -> None:
        elements = [source for source in sources if _is_address(source)]
        for first in range(0, len(elements), _AT_ONCE):
            batch = elements[first : first + _AT_ONCE]
            fresh = [_element("add", "known", source, KNOWN_SECONDS) for source in batch]
            gone = [_element("delete", "known", source) for source in batch]
            self._do([*fresh, *gone, *fresh])

    # -- nft -------------------------------------------------------------------------------------------------

    def _do(self, commands: Iterable[dict[str, Any]]) -> str:
        return self._run(json.dumps({"nftables": list(commands)}))

    def _quietly(self, commands: Iterable[dict[str, Any]]) -> bool:
        """The same, where it may be that there is nothing to do."""
        try:
            self._do(commands)
        except OSError:
            return False
        return True


def _element(verb: str, kind: str, source: str, seconds: int = 0, comment: str = "") -> dict[str, Any]:
    network = ip_network(source)
    value: Any = str(network.network_address)
    if kind == "banned" and network.prefixlen < _FAMILY_BITS[network.version]:
        value = {"prefix": {"addr": value, "len": network.prefixlen}}
    elif kind == "known" and network.prefixlen < (32 if network.version == 4 else 64):
        kind, value = "friends", {"prefix": {"addr": value, "len": network.prefixlen}}
    element: Any = value
    if seconds:
        element = {"elem": {"val": value, "timeout": seconds} | ({"comment": comment} if comment else {})}
    name = f"{kind}{network.version}"
    return {verb: {"element": {"family": "inet", "table": "sipbox", "name": name, "elem": [element]}}}


def _written(value: Any) -> str:
    """An element's value as sources are written."""
    if isinstance(value, dict):
        prefix = value.get("prefix", {})
        return f"{prefix.get('addr')}/{prefix.get('len')}"
    return str(value)


def _is_address(source: str) -> bool:
    try:
        ip_network(source)
    except ValueError:
        return False
    return True
