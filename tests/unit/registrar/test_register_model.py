"""Any sequence of REGISTERs, from any phones, over a database that fails now and then, against RFC 3261 §10.3
in its plainest form: a dictionary of contacts.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.errors import DatabaseUnavailable
from tests.unit.registrar.phones import TEN, Desk, contacts_of

CONTACTS = [f"sip:10@192.0.2.{number}" for number in range(1, 5)]
MOST = 3
LEAST, LONGEST, USUAL = 60, 7200, 3600

VALUES = st.lists(
    st.tuples(
        st.sampled_from(CONTACTS),
        st.sampled_from([None, 0, 30, 60, 120, 100_000]),
        st.sampled_from([None, 0.3, 1.0]),
    ),
    min_size=1,
    max_size=4,
)


@dataclass
class Bound:
    """What the model knows of one contact."""

    call_id: str
    cseq: int
    deadline: float
    q: float | None


class Registrations(RuleBasedStateMachine):
    """Whatever the phones send: the same answer, the same bindings in memory, and the same rows."""

    def __init__(self) -> None:
        super().__init__()
        self.bound: dict[str, Bound] = {}

    @initialize(mode=st.sampled_from(["write-through", "database"]))
    def open(self, mode: str) -> None:
        self.mode = mode
        self.desk = Desk(max_contacts=MOST, location_mode=mode)

    def alive(self) -> dict[str, Bound]:
        return {contact: one for contact, one in self.bound.items() if one.deadline > self.desk.now}

    def expected(
        self, values: list[tuple[str, int | None, float | None]], header: int | None, call_id: str, cseq: int
    ) -> tuple[int, dict[str, Bound]]:
        """The status, and what is bound afterwards."""
        after = self.alive()
        granted = [
            expires if expires is not None else USUAL if header is None else header
            for _, expires, _ in values
        ]
        if any(0 < seconds < LEAST for seconds in granted):
            return 423, after
        earlier = [self.alive().get(contact) for contact, _, _ in values]
        counts = [one.cseq for one in earlier if one is not None and one.call_id == call_id]
        if any(cseq < count for count in counts):
            return 500, after
        if cseq in counts:
            return 200, after
        for (contact, _, q), seconds in zip(values, granted, strict=True):
            if seconds:
                after[contact] = Bound(call_id, cseq, self.desk.now + min(seconds, LONGEST), q)
            else:
                after.pop(contact, None)
        return (503, self.alive()) if len(after) > max(MOST, len(self.alive())) else (200, after)

    @rule(
        values=VALUES,
        header=st.sampled_from([None, 0, 59, 600]),
        call_id=st.sampled_from(["a", "b"]),
        cseq=st.integers(1, 6),
        database_away=st.booleans(),
        in_one_line=st.booleans(),
    )
    def register(
        self,
        values: list[tuple[str, int | None, float | None]],
        header: int | None,
        call_id: str,
        cseq: int,
        database_away: bool,
        in_one_line: bool,
    ) -> None:
        texts = [
            f"<{contact}>"
            + ("" if expires is None else f";expires={expires}")
            + ("" if q is None else f";q={q}")
            for contact, expires, q in values
        ]
        status, after = self.expected(values, header, call_id, cseq)
        commits = len(self.desk.store.commits)
        tried: list[bool] = []

        def fail() -> None:
            tried.append(True)
            raise DatabaseUnavailable("away")

        self.desk.store.before = fail if database_away else lambda: None
        outcome = self.desk.register(
            *([", ".join(texts)] if in_one_line else texts),
            call_id=call_id,
            cseq=cseq,
            **({} if header is None else {"Expires": str(header)}),
        )
        self.desk.store.before = lambda: None
        if tried:
            assert outcome.status == 503
            return
        assert outcome.status == status, outcome
        if status == 200:
            self.bound = after
            answered = {
                value.partition(">")[0][1:]: value.rpartition("=")[2] for value in contacts_of(outcome)
            }
            assert answered == {c: str(round(one.deadline - self.desk.now)) for c, one in after.items()}
        changed = len(self.desk.store.commits) > commits
        assert changed == bool(outcome.changes)

    @rule(call_id=st.sampled_from(["a", "b"]), cseq=st.integers(1, 6))
    def remove_all(self, call_id: str, cseq: int) -> None:
        counts = [one.cseq for one in self.alive().values() if one.call_id == call_id]
        outcome = self.desk.register("*", call_id=call_id, cseq=cseq, Expires="0")
        if any(cseq < count for count in counts):
            assert outcome.status == 500
        else:
            assert outcome.status == 200
            if cseq not in counts:
                self.bound = {}

    @rule(contact=st.sampled_from(CONTACTS), nonsense=st.sampled_from(["<sip:>", "*", "<sip:1@h>;q=2", '"']))
    def send_nonsense(self, contact: str, nonsense: str) -> None:
        assert self.desk.register(f"<{contact}>", nonsense, cseq=100).status == 400

    @rule(seconds=st.sampled_from([0.4, 1, 59, 61, 3000]))
    def wait(self, seconds: float) -> None:
        self.desk.now += seconds

    @rule()
    def sweep(self) -> None:
        for one in self.desk.locations.expire(self.desk.now):
            del self.desk.store.rows[one.ruid]

    @invariant()
    def memory_and_rows_say_the_same(self) -> None:
        if not hasattr(self, "desk"):
            return
        now = self.desk.now
        found = {
            one.contact: Bound(one.call_id, one.cseq, one.deadline, one.q)
            for one in self.desk.registrar.service.lookup(TEN, now)
        }
        assert found == self.alive()
        rows = {one.contact for one in self.desk.store.rows.values() if one.deadline > now}
        assert rows == set(found)
        assert len(self.desk.registrar.service.turns) == 0


TestRegistrations = Registrations.TestCase
TestRegistrations.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
