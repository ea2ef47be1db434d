"""Memory and storage as one: what is not durable is undone, and each user's REGISTERs keep their order."""

from __future__ import annotations

import threading

import pytest

from appliance.errors import BadUri, DatabaseUnavailable, MalformedMessage
from appliance.registrar.binding import PERMANENT, Binding, ruid_of
from appliance.sip.uri import AddressOfRecord
from tests.unit.registrar.phones import TEN, Desk, contacts_of, kinds_of

A, B, C = "sip:10@192.0.2.1", "sip:10@192.0.2.2", "sip:10@192.0.2.3"
ELEVEN = AddressOfRecord("11", "example.org")


def away() -> None:
    raise DatabaseUnavailable("the database is away")


def row(contact: str, aor: AddressOfRecord = TEN, *, deadline: float = 5000.0) -> Binding:
    return Binding(aor, contact, deadline, "stored", 1, ruid=ruid_of(aor, contact), modified=1.0)


@pytest.mark.parametrize(
    "contacts",
    [(f"<{A}>",), (f"<{C}>",), (f"<{A}>;expires=0",), (f"<{A}>, <{C}>, <{B}>;expires=0",), ("*",)],
)
def test_what_cannot_be_made_durable_has_not_happened(contacts: tuple[str, ...]) -> None:
    desk = Desk()
    desk.register(f"<{A}>;q=0.5")
    desk.register(f"<{B}>;q=0.5", cseq=2)
    before = desk.locations.lookup(TEN, desk.now)
    rows = dict(desk.store.rows)
    desk.store.before = away
    outcome = desk.register(*contacts, cseq=3, Expires="0" if contacts == ("*",) else "600")
    assert (outcome.status, list(outcome.headers), outcome.changes) == (503, ["Retry-After: 5"], ())
    assert isinstance(outcome.error, DatabaseUnavailable)
    assert set(desk.locations.lookup(TEN, desk.now)) == set(before)
    assert len(desk.locations) == 2
    assert desk.store.rows == rows
    # It is tried again with the same CSeq, and this time it works.
    desk.store.before = lambda: None
    assert desk.register(*contacts, cseq=3, Expires="0" if contacts == ("*",) else "600").status == 200


def test_a_change_is_seen_while_it_is_still_on_its_way() -> None:
    desk = Desk()
    seen: list[dict[str, int]] = []
    desk.store.before = lambda: seen.append(desk.bound())
    desk.register(f"<{A}>")
    desk.register(f"<{A}>;expires=0", f"<{B}>", cseq=2)
    assert seen == [{A: 3600}, {B: 3600}]


def test_what_expired_meanwhile_is_not_called_back_to_life() -> None:
    desk = Desk()
    desk.register(f"<{A}>", Expires="60")

    def expire_and_fail() -> None:
        desk.locations.expire(desk.now + 10_000)
        away()

    desk.store.before = expire_and_fail
    assert desk.register(f"<{A}>", cseq=2, Expires="120").status == 503
    assert len(desk.locations) == 0
    desk.store.before = lambda: None
    desk.register(f"<{A}>", Expires="60")
    desk.store.before = expire_and_fail
    assert desk.register(f"<{A}>, <{B}>", cseq=2, Expires="120").status == 503
    assert len(desk.locations) == 0


class Killed(BaseException):
    """The greenlet was ended while it waited."""


def test_whoever_is_killed_while_waiting_leaves_nothing_behind() -> None:
    desk = Desk()

    def kill() -> None:
        raise Killed

    desk.store.before = kill
    with pytest.raises(Killed):
        desk.register(f"<{A}>")
    with pytest.raises(Killed):
        desk.register(f"<{A}>, <{B}>")
    assert len(desk.locations) == len(desk.registrar.service.turns) == 0


def test_registers_of_one_user_keep_their_order_while_the_first_waits() -> None:
    desk = Desk()
    waits, goes_on = threading.Event(), threading.Event()
    answers: list[tuple[str, int, list[str]]] = []

    def slow() -> None:
        waits.set()
        assert goes_on.wait(10)

    def phone(name: str, *contacts: str, cseq: int, aor: AddressOfRecord = TEN) -> threading.Thread:
        def send() -> None:
            outcome = desk.register(*contacts, cseq=cseq, aor=aor)
            answers.append((name, outcome.status, contacts_of(outcome)))

        thread = threading.Thread(target=send)
        thread.start()
        return thread

    desk.store.before = slow
    threads = [phone("first", f"<{A}>", cseq=1)]
    assert waits.wait(10)
    desk.store.before = lambda: None
    for name, contacts, cseq in [
        ("again", f"<{A}>", 1),
        ("second", f"<{A}>, <{B}>", 2),
        ("away", f"<{A}>;expires=0", 3),
    ]:
        threads.append(phone(name, contacts, cseq=cseq))
        while len(desk.registrar.service.turns._waiting[TEN] or ()) < len(threads) - 1:
            threading.Event().wait(0.0005)
    # Another user is held up by nobody.
    phone("other", f"<{C}>", cseq=1, aor=ELEVEN).join(10)
    assert [name for name, _, _ in answers] == ["other"]
    # The same request once more is not answered before the first one is durable.
    goes_on.set()
    for thread in threads:
        thread.join(10)
    assert [(name, status) for name, status, _ in answers[1:]] == [
        ("first", 200),
        ("again", 200),
        ("second", 200),
        ("away", 200),
    ]
    assert list(desk.bound()) == [B]
    assert [len(upserts) for upserts, _ in desk.store.commits] == [1, 1, 2, 0]


def test_while_rows_are_loaded_a_user_is_read_first() -> None:
    desk = Desk()
    desk.store.rows = {one.ruid: one for one in (row(A), row(B), row(C, ELEVEN))}
    desk.locations.loading = True
    outcome = desk.register(f"<{A}>;expires=0")
    assert kinds_of(outcome) == [("removed", A)]
    assert list(desk.bound()) == [B]
    assert [one.contact for one in desk.registrar.service.lookup(ELEVEN, desk.now)] == [C]
    desk.register(f"<{B}>", cseq=2)
    assert desk.store.fetches == [TEN, ELEVEN]
    desk.locations.loading = False
    assert desk.registrar.service.lookup(AddressOfRecord("12", "example.org"), desk.now) == []
    assert len(desk.store.fetches) == 2


def test_while_nobody_can_know_nobody_is_told_anything() -> None:
    desk = Desk()
    desk.locations.loading = True
    desk.store.before_fetch = away
    with pytest.raises(DatabaseUnavailable):
        desk.registrar.service.lookup(TEN, desk.now)
    outcome = desk.register(f"<{A}>")
    assert (outcome.status, list(outcome.headers)) == (503, ["Retry-After: 5"])
    assert not desk.locations.knows(TEN)
    desk.store.before_fetch = lambda: None
    assert desk.register(f"<{A}>").status == 200


def test_the_mode_database_keeps_nothing_in_memory() -> None:
    desk = Desk(location_mode="database")
    desk.register(f"<{A}>;q=0.1, <{B}>;q=0.9")
    assert contacts_of(desk.register(f"<{C}>;q=0.5", cseq=2)) == [
        f"<{B}>;q=0.9;expires=3600",
        f"<{C}>;q=0.5;expires=3600",
        f"<{A}>;q=0.1;expires=3600",
    ]
    desk.now += 10
    assert contacts_of(desk.register()) == [
        f"<{B}>;q=0.9;expires=3590",
        f"<{C}>;q=0.5;expires=3590",
        f"<{A}>;q=0.1;expires=3590",
    ]
    assert desk.register(f"<{A}>;expires=0, <{B}>;expires=0", cseq=3).status == 200
    assert desk.register(f"<{C}>", cseq=4).status == 200
    assert desk.register(f"<{C}>", cseq=2).status == 500
    assert [one.contact for one in desk.registrar.service.lookup(TEN, desk.now)] == [C]
    desk.now += 3600
    assert desk.registrar.service.lookup(TEN, desk.now) == []
    assert len(desk.locations) == 0


def test_an_administrator_binds_for_good_and_takes_away() -> None:
    desk = Desk()
    service = desk.registrar.service
    added = service.add(Binding(TEN, A, PERMANENT, "mi", 1))
    assert desk.bound() == {A: 2**32 - 1}
    assert desk.store.rows == {added.ruid: added}
    assert contacts_of(desk.register()) == [f"<{A}>;expires=4294967295"]
    # The phone's own registration of the same contact takes its place.
    assert kinds_of(desk.register(f"<{A}>", f"<{B}>")) == [("refreshed", A), ("added", B)]
    assert [one.contact for one in service.remove(TEN, desk.now, A)] == [A]
    assert service.remove(TEN, desk.now, A) == []
    assert [one.contact for one in service.remove(TEN, desk.now)] == [B]
    assert (len(desk.locations), desk.store.rows, len(service.turns)) == (0, {}, 0)


@pytest.mark.parametrize("contact", ["nonsense", "tel:+43", "sip:10@h>;q=1"])
def test_an_administrator_binds_no_nonsense(contact: str) -> None:
    desk = Desk()
    with pytest.raises((BadUri, MalformedMessage)):
        desk.registrar.service.add(Binding(TEN, contact, PERMANENT, "mi", 1))
    assert len(desk.locations) == 0


class Others:
    """Another worker: what it has told and nobody has heard yet."""

    def __init__(self) -> None:
        self.told: list[Binding] = []
        self.behind = False
        self.desk: Desk | None = None

    def hear(self) -> None:
        assert self.desk is not None
        for binding in self.told:
            self.desk.locations.put(binding)
        self.told.clear()


def with_others() -> tuple[Desk, Others]:
    desk, others = Desk(), Others()
    desk.registrar.service.others = others
    others.desk = desk
    return desk, others


def test_what_others_have_told_is_heard_before_a_lookup() -> None:
    desk, others = with_others()
    others.told.append(row(A))
    assert [each.contact for each in desk.registrar.service.lookup(TEN, desk.now)] == [A]


def test_only_who_is_behind_looks_for_the_row_that_is_not_here() -> None:
    desk, others = with_others()
    desk.store.rows[row(A).ruid] = row(A)
    assert desk.registrar.service.lookup(TEN, desk.now) == []
    others.behind = True
    assert [each.contact for each in desk.registrar.service.lookup(TEN, desk.now)] == [A]
    others.behind = False
    assert [each.contact for each in desk.registrar.service.lookup(TEN, desk.now)] == [A]
