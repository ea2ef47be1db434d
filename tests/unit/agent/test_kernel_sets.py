"""What the firewall is told: new bans, lifted ones, who is known; and what others have put there stays."""

from __future__ import annotations

import json
from typing import Any

from appliance.agent.kernel_sets import KernelSets
from appliance.agent.sip_process import SipProcess


class Process(SipProcess):
    """A SIP process whose answers are made up."""

    def __init__(self) -> None:
        super().__init__("/nowhere")
        self.bans: list[dict[str, Any]] = []
        self.known: list[str] = ["192.0.2.10", "2001:db8:0:1::/64"]
        self.news: dict[str, Any] = {"sources": [], "number": 2, "complete": True}

    def ask(self, command: str, /, **args: Any) -> Any:
        if command == "bans":
            return self.bans
        if command == "known_news":
            return self.news
        assert command == "known_sources"
        first = args["first"]
        end = first + 1 if first + 1 < len(self.known) else None
        networks = [] if first else ["203.0.113.0/24", "not-an-address"]
        return {"sources": self.known[first : first + 1], "networks": networks, "next": end, "number": 2}


class Kernel:
    """The sets, as ``nft`` keeps them: name and value to seconds and comment."""

    def __init__(self) -> None:
        self.sets: dict[tuple[str, str], tuple[int, str]] = {}

    def run(self, commands: str) -> str:
        for command in json.loads(commands)["nftables"]:
            ((verb, what),) = command.items()
            if verb == "list":
                name = what["set"]["name"]
                elements = [
                    {"elem": {"val": value, "timeout": seconds} | ({"comment": comment} if comment else {})}
                    for (held, value), (seconds, comment) in self.sets.items()
                    if held == name
                ]
                return json.dumps({"nftables": [{"set": {"name": name, "elem": elements}}]})
            self._change(verb, what["element"])
        return ""

    def _change(self, verb: str, told: dict[str, Any]) -> None:
        (element,) = told["elem"]
        inner = element.get("elem", element) if isinstance(element, dict) else {"val": element}
        value = inner.get("val", inner)
        if isinstance(value, dict):
            value = f"{value['prefix']['addr']}/{value['prefix']['len']}"
        key = (told["name"], value)
        if verb == "add":
            self.sets.setdefault(key, (inner["timeout"], inner.get("comment", "")))
        elif self.sets.pop(key, None) is None:
            raise OSError(None, "No such file or directory")


def ban(source: str, until: float = 500.0, seconds: int = 300) -> dict[str, Any]:
    return {"source": source, "until": until, "seconds": seconds}


def test_bans_come_grow_and_go_and_others_bans_stay() -> None:
    process, kernel = Process(), Kernel()
    kernel.sets["banned4", "198.51.100.1"] = (3600, "")  # fail2ban's
    sets = KernelSets(process, lambda _level, _message: None, kernel.run)
    process.bans = [ban("192.0.2.66"), ban("2001:db8:0:7::/64"), ban("203.0.113.0/24")]
    sets.once(1000.0)
    assert kernel.sets["banned4", "192.0.2.66"] == (300, "sipbox")
    assert kernel.sets["banned6", "2001:db8:0:7::/64"] == (300, "sipbox")
    assert kernel.sets["banned4", "203.0.113.0/24"] == (300, "sipbox")
    process.bans = [ban("192.0.2.66", 2000.0, 1200)]
    sets.once(1001.0)
    banned = {value: told for (name, value), told in kernel.sets.items() if name.startswith("banned")}
    assert banned == {"192.0.2.66": (1200, "sipbox"), "198.51.100.1": (3600, "")}


def test_after_a_start_bans_that_were_lifted_meanwhile_are_taken_out() -> None:
    process, kernel = Process(), Kernel()
    kernel.sets["banned4", "192.0.2.66"] = (300, "sipbox")
    kernel.sets["banned4", "198.51.100.1"] = (3600, "")
    KernelSets(process, lambda _level, _message: None, kernel.run).once(1000.0)
    assert ("banned4", "192.0.2.66") not in kernel.sets
    assert ("banned4", "198.51.100.1") in kernel.sets


def test_who_is_known_is_told_as_a_whole_and_then_as_news() -> None:
    process, kernel = Process(), Kernel()
    sets = KernelSets(process, lambda _level, _message: None, kernel.run)
    sets.once(1000.0)
    known = {("known4", "192.0.2.10"), ("known6", "2001:db8:0:1::"), ("friends4", "203.0.113.0/24")}
    assert set(kernel.sets) == known
    process.news = {"sources": ["192.0.2.11"], "number": 3, "complete": True}
    sets.once(1002.0)
    assert set(kernel.sets) == known | {("known4", "192.0.2.11")}
    process.known.append("192.0.2.12")
    process.news = {"sources": [], "number": 9000, "complete": False}
    sets.once(1004.0)
    assert ("known4", "192.0.2.12") in kernel.sets


def test_the_ban_of_who_has_become_known_rests() -> None:
    process, kernel = Process(), Kernel()
    sets = KernelSets(process, lambda _level, _message: None, kernel.run)
    process.bans = [ban("192.0.2.66")]
    sets.once(1000.0)
    assert ("banned4", "192.0.2.66") in kernel.sets
    process.bans = [ban("192.0.2.66") | {"rests": True}]
    sets.once(1002.0)
    assert ("banned4", "192.0.2.66") not in kernel.sets
    kernel.sets["banned4", "192.0.2.66"] = (300, "sipbox")
    KernelSets(process, lambda _level, _message: None, kernel.run).once(1003.0)
    assert ("banned4", "192.0.2.66") not in kernel.sets, "not after a start of the agent either"
    process.bans = [ban("192.0.2.66", seconds=200)]
    sets.once(1004.0)
    assert kernel.sets["banned4", "192.0.2.66"] == (200, "sipbox"), "nobody is registered there any more"
