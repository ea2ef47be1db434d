"""The tutorial of 2007, chapter 3: after a reboot, a call goes through when locations were saved.

OpenSER's ``db_mode`` 0 to 3 are the location modes memory, write-through, write-back and database.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.document import BudgeTone, DocumentBox
from tests.harness.mariadb import MariaDB
from tests.harness.message import Message
from tests.harness.phone import SDP
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.mariadb

LOCATION = "select username,contact,user_agent from location order by username"


@pytest.fixture(scope="module")
def rebooting(mariadb: MariaDB) -> Iterator[DocumentBox]:
    with DocumentBox(mariadb) as box:
        yield box


@pytest.fixture
def document(rebooting: DocumentBox) -> Iterator[DocumentBox]:
    yield rebooting
    rebooting.kill9()
    rebooting.sql("delete from location")


def start_in(box: DocumentBox, mode: str) -> None:
    box.write_settings({"registrar": {"location_mode": mode}})
    if box.process is not None and box.process.running:
        box.stop()
    box.start()


def arrived(phone: BudgeTone, beginning: str) -> bool:
    """Whether such a message waits to be read."""
    phone.take_in(0.02)
    return any(message.start_line.startswith(beginning) for message in phone.unread)


def call(caller: BudgeTone, callee: BudgeTone) -> Message:
    """The final response to a call that the callee, if it is reached, declines as busy."""
    request = caller.request("INVITE", f"sip:{callee.user}@127.0.0.1", body=SDP)
    caller.send(request)
    challenged = caller.final(request)
    caller.send(caller.ack(request, challenged))
    request = caller.authorized(request, challenged)
    caller.send(request)
    wait_until(
        "the callee is called, or the caller refused",
        lambda: arrived(callee, "INVITE") or arrived(caller, "SIP/2.0 404"),
    )
    if arrived(callee, "INVITE"):
        incoming = callee.expect("INVITE")
        assert incoming.uri == callee.contact
        callee.reply(incoming, 486, "Busy Here")
        callee.expect("ACK")
    answer = caller.final(request)
    caller.send(caller.ack(request, answer))
    return answer


@pytest.mark.parametrize("mode", ["write-through", "write-back", "database"])
def test_with_saved_locations_a_call_goes_through_at_once(document: DocumentBox, mode: str) -> None:
    start_in(document, mode)
    with document.budge_tone("10") as ten, document.budge_tone("11") as eleven:
        for phone in (eleven, ten):
            assert phone.exchange(phone.registration())[-1][1].status == 200
        assert call(ten, eleven).status == 486
        sent = [len(phone.sent()) for phone in (ten, eleven)]

        document.restart()

        saved = [(phone.user, phone.contact, "Grandstream BT110 1.0.8.33") for phone in (ten, eleven)]
        assert document.sql(LOCATION) == saved
        assert [len(phone.sent()) for phone in (ten, eleven)] == sent, "nobody registered again"
        assert call(ten, eleven).status == 486
        assert call(eleven, ten).status == 486


def test_without_saved_locations_the_user_is_not_found(document: DocumentBox) -> None:
    start_in(document, "memory")
    with document.budge_tone("10") as ten, document.budge_tone("11") as eleven:
        for phone in (eleven, ten):
            assert phone.exchange(phone.registration())[-1][1].status == 200
        assert call(ten, eleven).status == 486
        assert document.sql(LOCATION) == []

        document.restart()

        refused = call(ten, eleven)
        assert (refused.status, refused.reason) == (404, "User Not Found")
        eleven.silent(0.1, but=[100])
        # "The User Agents will be able to receive calls only after they register themselves again."
        assert eleven.exchange(eleven.registration())[-1][1].status == 200
        assert call(ten, eleven).status == 486


def test_write_back_saves_at_its_interval(document: DocumentBox) -> None:
    """What was registered since the last write is in memory, and lost by a power cut: OpenSER's db_mode 2."""
    document.write_settings({"registrar": {"write_back_seconds": 3600}})
    start_in(document, "write-back")
    with document.budge_tone("10") as ten, document.budge_tone("11") as eleven:
        assert eleven.exchange(eleven.registration())[-1][1].status == 200
        assert document.sql(LOCATION) == []
        document.cli("registration", "list")
        assert call(ten, eleven).status == 486
        document.kill9()
        document.start()
        assert call(ten, eleven).status == 404
