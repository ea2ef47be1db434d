"""Four networks with real phones: the box in public, two homes behind their own NATs, a gateway in a fourth.

::

    with FourNetworks(tmp_path, udp_timeout=4, keepalive_seconds=2) as world:
        world.call(world.ten, "11", world.eleven)
        hear(world.ten, world.eleven)
        world.end(world.ten)

10 and 12 live in one home, 11 in the other; a phone with the number ``NUMBER`` is the gateway. All of them
are baresip. rtpengine stands beside the box and relays whoever is behind a NAT; what is heard comes by it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from appliance import control
from tests.harness.baresip import Baresip
from tests.harness.calling import PATIENCE, Calling, hear
from tests.harness.handset import Handset
from tests.harness.networks import Home, Networks, Place
from tests.harness.rtpengine import Rtpengine
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until
from tests.harness.world import World

#: Whom the gateway reaches; it is a long distance number by the settings that hold by default.
NUMBER = "0891234567"
GATEWAY_PORT = 5060
#: Baresip is 10, 11 and 12; the others are for phones of the tests' own.
USERS = ("10", "11", "12", "20", "21", "22")


class FourNetworks(World):
    """Begins with all phones registered. ``settings`` change those of the box."""

    def __init__(
        self,
        directory: Path,
        *,
        udp_timeout: int = 30,
        keepalive_seconds: int = 20,
        settings: Sections | None = None,
    ) -> None:
        super().__init__()
        self._directory = directory
        self._udp_timeout = udp_timeout
        self._settings = {"nat": {"keepalive_seconds": keepalive_seconds}, **(settings or {})}

    def _begin(self) -> None:
        net = self._stack.enter_context(Networks(udp_timeout=self._udp_timeout))
        public = net.public()
        self.carrier = net.carrier(public)
        self.homes = net.home(), net.home()
        self.engine = self._stack.enter_context(Rtpengine(self._directory, place=public, ports=400))
        media = {"mode": "nated", "nodes": [self.engine.node]}
        settings: Sections = {"media": media, **self._settings}
        place, self.other_line = self.carrier.place(), self.carrier.place()
        self.box = Sipbox(place=public, settings=settings, agent=True)
        self._stack.callback(self.box.close)
        self.box.create_database()
        # Before it starts: there is nothing to be read again.
        self._write_rows(place.address, self.other_line.address)
        self.box.start()
        self.gateway = self._phone(NUMBER, self.carrier, place)
        self.ten = self._phone("10", self.homes[0])
        self.eleven = self._phone("11", self.homes[1])
        self.twelve = self._phone("12", self.homes[0])
        self.phones = self.ten, self.eleven, self.twelve
        for each in self.phones:
            each.phone.wait_registered()

    def _write_rows(self, *gateways: str) -> None:
        """Subscribers, of whom some may call outside, and the gateways there; numbers go to the first one."""
        self.box.add_subscribers({user: f"secret-{user}" for user in USERS})
        for number, address in enumerate(gateways, 1):
            self.box.sql(f"insert into gw_grp (grp_id, grp_name) values ({number}, 'line {number}')")
            self.box.sql(
                "insert into gw (gw_name, grp_id, ip_addr, port, uri_scheme, transport)"
                f" values ('line {number}', {number}, '{address}', {GATEWAY_PORT}, 1, 1)"
            )
        self.box.sql("insert into lcr (prefix, grp_id, priority) values ('', 1, 1)")
        self.box.sql(
            f"insert into grp (username, domain, grp) values (:user, '{self.box.domain}', 'ld')",
            [{"user": user} for user in ("10", "11", "20")],
        )

    def handset(self, user: str, home: Home) -> Handset:
        """A phone of the tests' own in that home; in the carrier's network, the gateway of ``other_line``."""
        if home is self.carrier:
            return Handset(self.box, user, self.other_line, port=GATEWAY_PORT)
        return Handset(self.box, user, home.place())

    def _phone(self, user: str, home: Home, place: Place | None = None) -> Calling:
        calling = self.phone(user, home, place=place)
        self._stack.enter_context(calling.phone)
        return calling

    def phone(self, user: str, home: Home, *, expires: int = 3600, place: Place | None = None) -> Calling:
        """One more real phone, which the caller starts and ends: ``with world.phone("20", home).phone:``."""
        place = place or home.place()
        outside = user == NUMBER
        phone = Baresip(
            user,
            f"secret-{user}",
            proxy=self.box.address,
            domain=place.address if outside else self.box.domain,
            expires=0 if outside else expires,
            namespace=place,
            trace=True,
            port=GATEWAY_PORT if outside else None,
        )
        return Calling(phone, place)

    def flow(self, user: str) -> list[str]:
        """Where the bindings of that user are reached."""
        rows = self.box.sql(f"select received from location where username = '{user}' order by received")
        return [str(row[0]) for row in rows]

    # ------------------------------------------------------------------------------------------------ calls

    def everybody(self) -> tuple[Calling, ...]:
        return (*self.phones, self.gateway)

    def free_all(self) -> None:
        """Nobody has a call any more, whatever happened before; what they reported is forgotten."""
        for each in self.everybody():
            while not each.free():
                each.phone.hang_up()
            each.phone.forget_events()
        wait_until("rtpengine has no call", lambda: self.engine.calls() == 0, timeout=PATIENCE, every=0.1)

    def call(self, caller: Calling, callee: Calling) -> str:
        """They are connected; the Call-ID."""
        for each in (caller, callee):
            each.phone.forget_events()
        caller.phone.dial(callee.user, self.box.domain)
        callee.phone.wait_for("CALL_ESTABLISHED", timeout=PATIENCE)
        return str(caller.phone.wait_for("CALL_ESTABLISHED", timeout=PATIENCE)["id"])

    def end(self, leaver: Calling, *others: Calling) -> None:
        """``leaver`` hangs up, and everybody is free."""
        leaver.phone.hang_up()
        for each in (leaver, *others):
            wait_until(f"{each.user} is free", each.free, timeout=PATIENCE, every=0.1)
        wait_until("rtpengine has no call", lambda: self.engine.calls() == 0, timeout=PATIENCE, every=0.1)

    def call_around(self) -> None:
        """Calls between the homes in both directions, to 12 in the first of them, and from outside."""
        ten, eleven, twelve = self.phones
        for caller, callee in ((ten, eleven), (eleven, ten), (eleven, twelve), (self.gateway, ten)):
            self.call(caller, callee)
            hear(caller, callee)
            self.end(callee, caller)

    def change(self, phone: Calling, command: str) -> None:
        """``hold`` or ``resume``: the phone describes its side anew, and has been answered."""
        before = phone.phone.sent("ACK")
        phone.phone.command(command)
        wait_until(f"{command} is answered", lambda: phone.phone.sent("ACK") > before, timeout=PATIENCE)

    def transfer(self, phone: Calling, user: str, domain: str | None = None) -> None:
        """It asks the other side by REFER to call somebody, and leaves when that is answered."""
        for each in self.everybody():
            each.phone.forget_events()
        phone.phone.command("transfer", f"sip:{user}@{domain or self.box.domain}")

    # ------------------------------------------------------------------------------------------ keep-alives

    def answered(self) -> int:
        """How many keep-alives were answered so far."""
        snapshot = control.call(str(self.box.settings["sip"]["control"]), "metrics")["snapshot"]
        return int(sum(value for _, value in snapshot["sipbox_nat_keepalives_answered_total"]))

    def keep_alive(self, *, on: bool) -> None:
        """By the FIFO: whether phones behind a NAT hear of the box."""
        self.box.cli("fifo", "nh_enable_ping", "1" if on else "0")

    def spend(self, seconds: float) -> None:
        """Silence for so long, in which all phones answer keep-alives, and keep the flows that they have."""
        flows = self._flows_kept()
        before, end = self.answered(), time.monotonic() + seconds
        wait_until("silence", lambda: time.monotonic() >= end, timeout=seconds + PATIENCE, every=0.5)
        nat: Any = self.box.settings["nat"]
        wanted = len(self.phones) * int(seconds / nat["keepalive_seconds"] - 1)
        wait_until("all answer", lambda: self.answered() - before >= wanted, timeout=PATIENCE, every=0.5)
        assert self._flows_kept() == flows

    def _flows_kept(self) -> list[str]:
        """By what the phones are reached, which is what their NATs know."""
        flows = [flow for phone in self.phones for flow in self.flow(phone.user)]
        assert len(flows) == len(self.phones), flows
        known = {f"{home.address}:{port}" for home in self.homes for port in home.ports(self.box.port)}
        assert {flow.removeprefix("sip:").partition(";")[0] for flow in flows} <= known
        return flows

    def forget(self) -> None:
        """Without keep-alives the NATs forget the phones, and no call gets to 10; then all register anew."""
        home, patience = self.homes[0], self._udp_timeout + PATIENCE
        self.keep_alive(on=False)
        try:
            for each in self.homes:
                wait_until(
                    "the NAT has forgotten", lambda each=each: not each.flows(), timeout=patience, every=0.2
                )
            knocks = home.knocks()
            self.eleven.phone.dial("10")
            wait_until(
                "the call came to the NAT, again and again",
                lambda: home.knocks() >= knocks + 3,
                timeout=PATIENCE,
                every=0.2,
            )
            assert not self.ten.phone.happened("CALL_INCOMING")
            self.eleven.phone.hang_up()
        finally:
            self.keep_alive(on=True)
        for phone in self.phones:
            phone.phone.restart()
            phone.phone.wait_registered()
        self.free_all()
