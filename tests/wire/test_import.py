"""``sipbox import`` from a real Kamailio: its phones call one another without registering again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.kamailio import Kamailio
from tests.harness.furnished_kamailio import DOMAIN, furnished_kamailio, phone_of
from tests.harness.mariadb import MariaDB
from tests.harness.phone import hang_up, talk
from tests.harness.sipbox import Sipbox
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers

pytestmark = pytest.mark.mariadb

SUBSCRIBERS, REGISTERED = 40, 8


@pytest.fixture
def kamailio(mariadb: MariaDB) -> Iterator[Kamailio]:
    with furnished_kamailio(mariadb, SUBSCRIBERS) as server:
        yield server


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_phones_do_not_register_again(
    database_url: str | None, kamailio: Kamailio, mariadb: MariaDB, tmp_path: Path, running: bool
) -> None:
    where = tmp_path / "old"
    where.write_text(f"# of the old server\nmysql://root@localhost/kamailio?unix_socket={mariadb.socket}\n")
    with Sipbox(database_url) as box, ExitStack() as stack:
        phones = [stack.enter_context(phone_of(kamailio, n)) for n in range(REGISTERED)]
        for phone in phones:
            assert phone.register(expires=600).status == 200
        before = mariadb.client(
            "checksum table subscriber, location, dbaliases, grp, domain", database="kamailio"
        )
        shown = json.loads(box.cli("import", "--from", str(where), "--json", "--diff").stdout)
        counts = {
            "domains": 1,
            "subscribers": SUBSCRIBERS,
            "aliases": 1,
            "permissions": 1,
            "trusted": 1,
            "phones": REGISTERED,
        }
        assert (shown["kind"], shown["done"], shown["added"]) == ("Kamailio", False, counts)
        assert len(shown["diff"]) == sum(counts.values())
        assert shown["left"] == [
            f"alias nobody@{DOMAIN}: leads to gone@{DOMAIN}, who is no subscriber there",
            "permission x: is none of local, ld, int, voicemail, free-pstn; --any takes it",
        ]
        assert box.cli("subscriber", "list", "--json").stdout == "[]\n"
        if not running:
            box.stop()
        done = json.loads(box.cli("import", "--from", str(where), "--json", "--apply").stdout)
        assert (done["done"], done["added"]) == (True, counts)
        if not running:
            box.start()
        kamailio.kill()
        again = json.loads(box.cli("import", "--from", str(where), "--json", "--apply").stdout)
        assert set(again["added"].values()) == {0}
        assert again["changed"] == 0
        assert again["notes"] == [f"{REGISTERED} registrations are as new here, or newer"]
        after = mariadb.client(
            "checksum table subscriber, location, dbaliases, grp, domain", database="kamailio"
        )
        assert after == before

        for phone in phones:
            phone.proxy = box.address
        for caller, callee in zip(phones[::2], phones[1::2], strict=True):
            dialog, _ = talk(caller, callee)
            hang_up(caller, callee, dialog)
        request = phones[1].invite("reception")
        incoming = phones[0].expect("INVITE")
        phones[0].reply(incoming, 486, "Busy Here")
        assert phones[1].final(request).status == 486
        # A phone that registers goes on with its Call-ID and its CSeq, and is one binding.
        assert phones[0].register().status == 200
        rows = json.loads(box.cli("registration", "show", f"100@{DOMAIN}", "--json").stdout)
        assert len(rows) == 1
        assert rows[0]["expires"] > 600
        # What is newer here wins.
        last = json.loads(box.cli("import", "--from", str(where), "--json", "--apply").stdout)
        assert last["added"]["phones"] == 0
        assert (
            json.loads(box.cli("registration", "show", f"100@{DOMAIN}", "--json").stdout)[0]["expires"] > 600
        )


def test_every_worker_knows_the_phones(kamailio: Kamailio, mariadb: MariaDB, tmp_path: Path) -> None:
    """The command speaks to one of them, and calls come to any."""
    where = tmp_path / "old"
    where.write_text(f"mysql://root@localhost/kamailio?unix_socket={mariadb.socket}\n")
    with Workers(mariadb_database(mariadb)) as box, ExitStack() as stack:
        phones = [stack.enter_context(phone_of(kamailio, n)) for n in range(REGISTERED)]
        for phone in phones:
            assert phone.register(expires=600).status == 200
        kamailio.stop()
        done = json.loads(box.cli("import", "--from", str(where), "--json", "--apply").stdout)
        assert done["added"]["phones"] == REGISTERED
        for number in box.numbers:
            wait_until(
                f"worker {number} has them all",
                lambda number=number: box.ask(number, "status")["bindings"] == REGISTERED,
            )
        for phone in phones:
            phone.proxy = box.address
        # The kernel spreads their requests over the workers.
        for caller, callee in zip(phones, phones[1:] + phones[:1], strict=True):
            dialog, _ = talk(caller, callee)
            hang_up(caller, callee, dialog)
