"""Digest by three algorithms: phones of today and of long ago register at one box and call one another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.harness.baresip import Baresip
from tests.harness.sipbox import Sipbox

SETTINGS = {"auth": {"algorithms": ["SHA-512-256", "SHA-256", "MD5"], "md5_agents": ["baresip v1."]}}


@pytest.fixture(scope="module")
def three() -> Iterator[Sipbox]:
    with Sipbox(settings=SETTINGS) as box:
        box.add_subscribers({"10": "secret-10", "11": "secret-11"})
        # 12 comes from another server, which knew his hash for MD5 alone.
        hashed = hashlib.md5(f"12:{box.domain}:secret-12".encode()).hexdigest()
        box.sql(
            "insert into subscriber (username, domain, ha1) values ('12', :domain, :ha1)",
            [{"domain": box.domain, "ha1": hashed}],
        )
        yield box


def test_a_phone_of_today_takes_the_first_algorithm(three: Sipbox) -> None:
    with three.phone("10", "secret-10") as phone:
        assert phone.register().status == 200
        asked = phone.received()[0]
        named = [value.partition("algorithm=")[2] for value in asked.all("WWW-Authenticate")]
        assert named == ["SHA-512-256", "SHA-256", ""]
        assert "algorithm=SHA-512-256" in phone.sent()[-1].get("Authorization")


def test_a_phone_that_knows_md5_alone_registers_and_is_called(three: Sipbox) -> None:
    old = Baresip("11", "secret-11", proxy=three.address, domain=three.domain)
    with old, three.phone("10", "secret-10") as caller:
        old.wait_registered()
        assert caller.register().status == 200
        invite = caller.invite("11")
        answer = caller.final(invite, 10.0)
        assert answer.status == 200
        dialog = caller.dialog_as_caller(invite, answer)
        caller.send(caller.within(dialog, "ACK"))
        assert caller.ask(caller.within(dialog, "BYE")).status == 200


def test_whoever_has_a_hash_for_md5_alone_is_asked_for_it_in_the_end(three: Sipbox) -> None:
    with three.phone("12", "secret-12") as phone:
        uri = f"sip:{three.domain}"
        request = phone.request("REGISTER", uri, to=f"<{phone.aor}>", contact=f"<{phone.contact}>")
        seen = []
        for _ in range(4):
            phone.send(request)
            response = phone.final(request)
            if response.status == 200:
                break
            challenge = response.get("WWW-Authenticate")
            seen.append((challenge.partition("algorithm=")[2].partition(",")[0], "stale=true" in challenge))
            request = phone.authorized(request, response)
        assert response.status == 200
        assert seen == [("SHA-512-256", False), ("SHA-256", True), ("", True)]
