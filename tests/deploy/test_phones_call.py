"""Desk phones on a deployed box: they fetch what the inventory says, call each other, and outlive a reboot.

Each phone is a machine of its own. One stands in the net of the box, the other in a net behind a router. All
that they know of accounts, passwords and servers is what the box's agent has served.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness.baresip import Baresip, talking
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, ansible
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.certificate import self_signed
from tests.harness.debian_box import REPOSITORY
from tests.harness.desk_phone import Account, Fetch, ask_by_multicast, budgetone, yealink, yealink_values
from tests.harness.network_namespace import Namespace
from tests.harness.provisioning import failregex
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(900)

BUDGETONE, YEALINK = "000b82123456", "001565123457"
FILES = {BUDGETONE: f"cfg{BUDGETONE}", YEALINK: f"{YEALINK}.boot"}
#: RTP comes fifty times a second.
TWO_SECONDS = 100


@pytest.fixture(scope="module")
def box(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("trixie").boot() as made:
        yield made


@pytest.fixture(scope="module")
def near(box_network: BoxNetwork) -> Iterator[Namespace]:
    with Namespace(box_network) as made:
        yield made


@pytest.fixture(scope="module")
def far(box_network: BoxNetwork) -> Iterator[Namespace]:
    with Namespace(box_network, routed=True) as made:
        yield made


# ------------------------------------------------------------------------------------------ what the box says


def url_of(box: BootedBox, mac: str) -> str:
    return str(json.loads(box.ssh(f"sipbox phone show {mac} --json").stdout)["url"])


def listed(box: BootedBox) -> dict[str, dict[str, Any]]:
    """``sipbox phone list`` by MAC; those that nobody has added have the state 'unknown'."""
    told = json.loads(box.ssh("sipbox phone list --json").stdout)
    strangers = [each | {"state": "unknown", "last_address": each["address"]} for each in told["unknown"]]
    return {each["mac"]: each for each in [*told["phones"], *strangers]}


def denials(box: BootedBox) -> list[str]:
    return box.ssh("journalctl --quiet --output=cat EVENT=phone-denied", check=False).stdout.splitlines()


def registrations(box: BootedBox) -> dict[str, str]:
    """By user: what its last REGISTER left."""
    query = "select username, concat_ws(' ', contact, callid, cseq) from location order by username"
    rows = box.ssh(f'mariadb --batch --skip-column-names openser -e "{query}"').stdout.splitlines()
    return dict(row.split("\t") for row in rows)


def packets(box: BootedBox) -> int:
    """How many packets have come to the box so far."""
    return int(box.run_inside(["cat", "/sys/class/net/host0/statistics/rx_packets"]).stdout)


# ----------------------------------------------------------------------------------------------------- phones


@contextmanager
def plugged_in(
    box: BootedBox, read: Callable[[Fetch, str, str], Account], mac: str, place: Namespace
) -> Iterator[Baresip]:
    """A phone that has fetched its configuration, and registers with what stands there."""
    account = read(place.get, url_of(box, mac), mac)
    # Where the phone of the test before was, nobody answers any more.
    box.ssh(f"sipbox registration remove {account.user} --yes", check=False)
    with Baresip(
        account.user,
        account.password,
        auth_user=account.auth_user,
        domain=account.domain,
        proxy=account.proxy,
        expires=account.expires,
        namespace=place,
        trace=True,
    ) as phone:
        phone.wait_registered()
        yield phone


def call(box: BootedBox, caller: Baresip, callee: Baresip) -> None:
    """Answered, heard on both sides, hung up; what they say to each other does not pass through the box."""
    both = (caller, callee)
    heard_before = [heard(side) for side in both]
    for side in both:
        side.forget_events()
    caller.dial(callee.user)
    for side in both:
        side.wait_for("CALL_ESTABLISHED", timeout=30)
    wait_until(
        "each hears the other",
        lambda: all(heard(side) > before for side, before in zip(both, heard_before, strict=True)),
        timeout=30,
    )
    at_phones, at_box = [side.received() for side in both], packets(box)
    wait_until(
        "two seconds of media",
        lambda: all(
            side.received() > before + TWO_SECONDS for side, before in zip(both, at_phones, strict=True)
        ),
        timeout=60,
    )
    assert packets(box) - at_box < TWO_SECONDS
    assert all(talking(side)() for side in both)
    caller.hang_up()
    wait_until("both have hung up", lambda: not any(talking(side)() for side in both), timeout=30)


def heard(phone: Baresip) -> int:
    """How many calls it has heard somebody in."""
    return phone.log.count("incoming rtp for 'audio' established")


# ------------------------------------------------------------------------------------------------------ tests


def test_a_phone_that_asks_is_seen_and_a_wrong_one_gets_nothing(box: BootedBox, far: Namespace) -> None:
    stranger = f"000413{secrets.token_hex(3)}"
    assert listed(box).keys() >= set(FILES)
    assert stranger not in listed(box)
    told_before = len(denials(box))
    url = url_of(box, BUDGETONE)
    origin = url.rpartition("/")[0].rpartition("/")[0]
    assert origin == f"http://{box.address}:8088"

    assert far.get(url + FILES[BUDGETONE]).status == 200
    box.ssh(f"sipbox phone disable {YEALINK}")
    refused = [
        far.get(f"{origin}/no-secret/{stranger}.xml"),
        far.get(url + FILES[YEALINK]),
        far.get(url_of(box, YEALINK) + FILES[YEALINK]),
    ]
    assert {answer.status for answer in refused} == {404}
    assert len({answer.body for answer in refused}) == 1
    box.ssh(f"sipbox phone enable {YEALINK}")
    assert far.get(url_of(box, YEALINK) + FILES[YEALINK]).status == 200

    found = listed(box)
    assert found[stranger]["state"] == "unknown"
    assert found[BUDGETONE]["state"] == "up to date"
    assert {found[mac]["last_address"] for mac in (stranger, BUDGETONE)} == {far.address}

    # Its own address stands in the line, which is what fail2ban would ban.
    pattern = failregex(REPOSITORY / "templates" / "fail2ban" / "sipbox-phones.filter")
    wait_until("it is told", lambda: len(denials(box)) == told_before + 3, timeout=30, every=0.5)
    lines = denials(box)[told_before:]
    matches = [pattern.search(line) for line in lines]
    assert all(matches), lines
    assert {match["host"] for match in matches if match} == {far.address}


def test_phones_call_each_other_and_again_after_a_reboot_of_the_box(
    box: BootedBox, near: Namespace, far: Namespace
) -> None:
    with plugged_in(box, budgetone, BUDGETONE, near) as ten, plugged_in(box, yealink, YEALINK, far) as eleven:
        assert (ten.user, eleven.user) == ("10", "11")
        call(box, ten, eleven)
        before = registrations(box)
        # Nothing is translated on the way: each is registered at the address that is its own.
        assert f"@{near.address}:" in before["10"]
        assert f"@{far.address}:" in before["11"]
        registered = {phone: phone.sent("REGISTER") for phone in (ten, eleven)}
        assert all(registered.values())

        box.reboot()

        call(box, eleven, ten)
        call(box, ten, eleven)
        assert {phone: phone.sent("REGISTER") for phone in (ten, eleven)} == registered
        assert registrations(box) == before


def test_a_line_of_the_inventory_reaches_the_phone(box: BootedBox, near: Namespace) -> None:
    inventory = copy.deepcopy(dict(INVENTORY))
    name = f"Door {secrets.token_hex(3)}"
    inventory["phones"][0]["display_name"] = name
    url = url_of(box, BUDGETONE)
    before = budgetone(near.get, url, BUDGETONE)

    tried = ansible(box, "playbooks/phones.yml", "--check", "--diff", inventory=inventory).check()
    assert "display_name" in tried.output
    assert name in tried.output
    assert before.password not in tried.output
    assert budgetone(near.get, url, BUDGETONE) == before

    with plugged_in(box, budgetone, BUDGETONE, near) as ten:
        done = ansible(box, "playbooks/phones.yml", inventory=inventory).check()
        print(f"playbooks/phones.yml: {done.seconds:.1f} s")
        assert done.changed == 1, done.changes()
        assert before.password not in done.output
        assert listed(box)[BUDGETONE]["state"] == "waits for resync"

        [asked] = json.loads(box.ssh("sipbox phone resync 10 --json").stdout)
        assert asked["answered"]
        assert near.address in asked["contact"]
        assert "check-sync" in ten.log

    assert budgetone(near.get, url, BUDGETONE) == before._replace(display_name=name)
    assert listed(box)[BUDGETONE]["state"] == "up to date"


def test_what_all_phones_are_told_comes_over_https_and_a_new_phone_finds_it(
    box: BootedBox, near: Namespace, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path, box.address)
    inventory = dict(INVENTORY) | {
        "sipbox_phones": {"time_zone": "America/New_York", "voicemail": "*97", "pnp": True},
        "sipbox_phones_certificate": str(certificate),
        "sipbox_phones_certificate_key": key.read_text(),
    }
    done = ansible(box, "playbooks/deploy.yml", "--tags", "sip,agent", "--diff", inventory=inventory)
    secret = key.read_text().splitlines()[1]
    assert secret not in done.check().output
    for user, code in (("sipbox-agent", 0), ("sipbox", 1)):
        seen = box.ssh(f"runuser -u {user} -- cat /etc/sipbox/phones-certificate-key.pem", check=False)
        assert seen.returncode == code

    url = ask_by_multicast(near, YEALINK, "SIP-T46S")
    assert url == url_of(box, YEALINK)
    assert url.startswith(f"https://{box.address}:8088/")
    said = yealink_values(partial(near.get, authority=str(certificate)), url, YEALINK)
    assert said["local_time.time_zone"] == "-5"
    assert said["voice_mail.number.1"] == "*97"
    assert said["account.1.display_name"] == "Ben"
    assert ask_by_multicast(near, f"001565{secrets.token_hex(3)}", "SIP-T46S", times=2) == ""
