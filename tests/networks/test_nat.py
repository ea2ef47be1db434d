"""Phones behind NATs that give each flow another port and forget it after some seconds of silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.harness.message import address_of, parameter
from tests.harness.networks import Home, Networks
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

#: The NATs' patience, and how often a phone behind one hears of us.
FORGETS, EVERY = 4, 2


@pytest.fixture
def net() -> Iterator[Networks]:
    with Networks(udp_timeout=FORGETS) as networks:
        yield networks


@contextmanager
def running(net: Networks, every: int) -> Iterator[Sipbox]:
    with Sipbox(place=net.public(), settings={"nat": {"keepalive_seconds": every}}) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


@pytest.fixture
def box(net: Networks) -> Iterator[Sipbox]:
    with running(net, EVERY) as server:
        yield server


def phone(box: Sipbox, user: str, home: Home, **options: str) -> Phone:
    return box.phone(user, f"secret-{user}", place=home.place(), **options)


def quiet(phone: Phone, seconds: float) -> int:
    """Lets time pass in which the phone only answers what keeps its flow open; how often that was."""
    count = 0
    deadline = seconds
    while deadline > 0:
        phone.take_in(0.25)
        deadline -= 0.25
        for message in [each for each in phone.unread if each.is_request and each.method == "OPTIONS"]:
            phone.unread.remove(message)
            phone.reply(message, 200)
            count += 1
    return count


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_behind_a_nat_stays_reachable(net: Networks, box: Sipbox, transport: str) -> None:
    """Both have the same private address, and were silent for longer than their NATs remember a flow."""
    with phone(box, "10", net.home(), transport=transport) as ten, phone(box, "11", net.home()) as eleven:
        assert ten.address == eleven.address == "192.168.1.20"
        assert ten.register().status == eleven.register().status == 200
        assert quiet(ten, FORGETS * 2) >= 2
        quiet(eleven, 1)
        for leaver in ("caller", "callee"):
            ours, theirs = talk(ten, eleven)
            assert quiet(ten, 1) >= 0
            quiet(eleven, 1)
            if leaver == "caller":
                hang_up(ten, eleven, ours)
            else:
                hang_up(eleven, ten, theirs)
        rows = box.sql("select username, cflags, received, socket from location order by username")
        assert [(row[0], row[1]) for row in rows] == [("10", 64), ("11", 64)]
        assert all(row[2].startswith("sip:203.0.113.") for row in rows)


def test_without_keep_alives_a_nat_forgets(net: Networks, box: Sipbox) -> None:
    """What the test above would be worth if NATs here forgot nothing."""
    box.stop()
    box.write_settings({"nat": {"keepalive": "off"}})
    box.start()
    with phone(box, "10", net.home()) as ten, phone(box, "11", net.home()) as eleven:
        ten.register()
        eleven.register()
        assert quiet(ten, FORGETS * 2) == 0
        eleven.register()
        eleven.invite("10")
        ten.silent(2.0)


def test_what_the_contacts_say_is_where_the_flows_are(net: Networks, box: Sipbox) -> None:
    home, other = net.home(), net.home()
    with phone(box, "10", home) as ten, phone(box, "11", other) as eleven:
        ten.register()
        eleven.register()
        ours, theirs = talk(ten, eleven)
        assert ours.target.startswith(f"sip:11@{other.address}:")
        assert theirs.target.startswith(f"sip:10@{home.address}:")
        assert all(";flags=nm;" in route for route in ours.routes)
        # A target that moves within the call is set right as well.
        again = ten.within(ours, "INVITE")
        ten.send(again)
        moved = eleven.expect("INVITE")
        assert address_of(moved.get("Contact")) == theirs.target
        answered = eleven.reply(moved, 200)
        assert address_of(ten.final(again).get("Contact")) == ours.target
        assert address_of(answered.get("Contact")) == f"sip:11@192.168.1.20:{eleven.port}"
        ten.send(ten.within(ours, "ACK"))
        hang_up(eleven, ten, theirs)


@pytest.mark.parametrize("in_order", [True, False])
def test_over_a_restart(in_order: bool) -> None:
    """The flow stands in the row, and the process that reads it goes on keeping it open."""
    # A start takes seconds on a busy machine; these NATs have the patience that NATs usually have.
    with (
        Networks(udp_timeout=30) as net,
        running(net, EVERY) as box,
        phone(box, "10", net.home()) as ten,
        phone(box, "11", net.home()) as eleven,
    ):
        ten.register()
        eleven.register()
        if in_order:
            box.restart()
        else:
            box.kill9()
            box.start()
        assert quiet(ten, EVERY * 3) >= 1
        quiet(eleven, 0.5)
        _, theirs = talk(eleven, ten)
        hang_up(ten, eleven, theirs)


def test_a_phone_that_registers_anew_is_found_by_its_new_flow(net: Networks, box: Sipbox) -> None:
    """Its NAT has forgotten it, and its next flow comes from another port."""
    home = net.home()
    with phone(box, "10", home) as ten, phone(box, "11", net.home()) as eleven:
        ten.register()
        before = box.sql("select received from location where username = '10'")
        home.router.run("sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=1")
        home.router.run("sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout_stream=1")
        box.stop()  # nothing keeps the flow open
        wait_until("the NAT has forgotten", lambda: not home.flows(), timeout=30)
        box.start()
        assert ten.register(call_id="anew").status == 200
        after = box.sql("select received from location where username = '10'")
        assert before != after
        assert len(after) == 1
        eleven.register()
        _, theirs = talk(eleven, ten)
        hang_up(ten, eleven, theirs)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_whose_flow_ends_in_a_call_hears_that_the_other_hangs_up(
    net: Networks, box: Sipbox, transport: str
) -> None:
    home = net.home()
    with phone(box, "10", home, transport=transport) as ten, phone(box, "11", net.home()) as eleven:
        contact = f"<{ten.contact}>"
        ten.register(contact=contact)
        eleven.register()
        ours, _ = talk(eleven, ten)
        if transport == "tcp":
            ten.close()
            ten.port += 1
            ten._open()
        else:
            # From now on the NAT has no patience: what keeps the flow open comes too late.
            for setting in ("timeout", "timeout_stream"):
                home.router.run("sysctl", "-qw", f"net.netfilter.nf_conntrack_udp_{setting}=1")
            wait_until("the NAT has forgotten", lambda: not home.flows(), timeout=30, every=0.1)
        assert ten.register(contact=contact).status == 200
        hang_up(eleven, ten, ours)


def test_a_phone_that_answers_nothing_goes(net: Networks, box: Sipbox) -> None:
    box.stop()
    box.write_settings({"nat": {"keepalive_seconds": 1, "remove_after_misses": 2}})
    box.start()
    with phone(box, "10", net.home()) as ten, phone(box, "11", net.home()) as eleven:
        ten.register()
        eleven.register()
        wait_until(
            "who does not answer is gone",
            lambda: quiet(eleven, 0.5) >= 0 and box.sql("select username from location") == [("11",)],
            timeout=20,
        )
        assert "it did not answer keep-alives" in box.log
        quiet(eleven, 3)
        assert box.sql("select username from location") == [("11",)]


def test_empty_lines_keep_flows_open_as_well(net: Networks, box: Sipbox) -> None:
    box.stop()
    box.write_settings({"nat": {"keepalive": "crlf"}})
    box.start()
    with phone(box, "10", net.home()) as ten, phone(box, "11", net.home(), transport="tcp") as eleven:
        ten.register()
        eleven.register()
        assert quiet(ten, FORGETS * 2) == 0
        quiet(eleven, 0.5)
        ours, _ = talk(eleven, ten)
        hang_up(eleven, ten, ours)


def test_a_phone_that_does_not_ask_for_rport_is_answered(net: Networks, box: Sipbox) -> None:
    with phone(box, "10", net.home()) as ten:
        request = ten.request("REGISTER", f"sip:{ten.domain}", to=f"<{ten.aor}>")
        ten.send(request.with_header("Via", request.get("Via").replace(";rport", "")))
        answer = ten.final(request)
        assert answer.status == 401
        assert parameter(answer.get("Via"), "rport")


# --------------------------------------------------------------------------------------- the box behind a NAT


def test_a_box_behind_a_one_to_one_nat_advertises_what_the_world_knows(net: Networks) -> None:
    cloud, home, other = net.cloud(), net.home(), net.home()
    settings: Sections = {
        "sip": {"advertise": [cloud.address], "domains": [cloud.address]},
        "nat": {"keepalive_seconds": EVERY},
    }
    with Sipbox(place=cloud.place(), settings=settings) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        proxy = (cloud.address, 5060)
        with (
            Phone("10", "secret-10", proxy=proxy, domain=cloud.address, place=home.place()) as ten,
            Phone(
                "11", "secret-11", proxy=proxy, domain=cloud.address, place=other.place(), transport="tcp"
            ) as eleven,
        ):
            assert ten.register().status == eleven.register().status == 200
            assert quiet(ten, FORGETS * 2) >= 2
            ours, theirs = talk(ten, eleven)
            assert all(cloud.address in route for route in ours.routes)
            invite = next(m for m in eleven.received() if m.is_request and m.method == "INVITE")
            assert cloud.address in invite.get("Via")
            assert server.host not in invite.encode().decode()
            assert "the self-test passed" in server.cli("self-test").stderr
            hang_up(eleven, ten, theirs)


def test_a_box_with_an_inside_and_an_outside(net: Networks) -> None:
    """Each side sees the address that it can reach, in Via and Record-Route, and in-dialog requests cross."""
    place = net.public()
    office = net.office(place)
    inside, outside = place.addresses[1], place.addresses[0]
    settings: Sections = {
        "sip": {
            "listen": [f"udp:{outside}:5060", f"udp:{inside}:5060"],
            "advertise": [f"{outside}=sip.example.org"],
            "domains": ["example.org"],
        },
        "nat": {"keepalive_seconds": EVERY},
    }
    with Sipbox(place=place, settings=settings) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        near = Phone("10", "secret-10", proxy=(inside, 5060), domain="example.org", place=office.place())
        far = Phone("11", "secret-11", proxy=(outside, 5060), domain="example.org", place=net.home().place())
        with near, far:
            assert near.register().status == far.register().status == 200
            assert server.sql("select username, cflags from location order by username") == [
                ("10", 0),
                ("11", 64),
            ]
            for caller, callee in ((near, far), (far, near)):
                ours, theirs = talk(caller, callee)
                assert len(ours.routes) == 2
                hang_up(caller, callee, ours)
                ours, theirs = talk(caller, callee)
                hang_up(callee, caller, theirs)
            assert all("sip.example.org" in m.get("Via") for m in far.received() if m.is_request)
            assert all(inside in m.get("Via") for m in near.received() if m.is_request)
