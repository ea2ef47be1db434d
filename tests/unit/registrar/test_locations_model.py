"""Whatever is done to Locations, they say the same as a plain list that is sorted each time it is asked."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance.registrar.binding import PERMANENT, Binding
from appliance.registrar.locations import Locations
from appliance.sip.uri import AddressOfRecord
from tests.unit.registrar.test_locations import ELEVEN, NAMES, QS, TEN, binding

USERS = st.sampled_from([TEN, ELEVEN])


def _second(deadline: float) -> float:
    """The second in which a binding is swept."""
    return deadline if deadline == PERMANENT else math.ceil(deadline)


class Model(RuleBasedStateMachine):
    """Locations beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.locations = Locations()
        self.now = 10.0
        self.swept = 10.0
        self.model: dict[str, tuple[int, Binding]] = {}
        self.count = 0

    @rule(aor=USERS, name=NAMES, q=QS, seconds=st.floats(-3, 50) | st.just(math.inf))
    def put(self, aor: AddressOfRecord, name: str, q: float | None, seconds: float) -> None:
        one = binding(f"{name}-{aor.username}", aor, q=q, deadline=self.now + seconds)
        self.locations.put(one)
        self.count += 1
        self.model[one.ruid] = (self.count, one)

    @rule(aor=USERS, name=NAMES)
    def drop(self, aor: AddressOfRecord, name: str) -> None:
        ruid = f"{name}-{aor.username}"
        _, expected = self.model.pop(ruid, (0, None))
        assert self.locations.drop(ruid) is expected

    @rule(aor=USERS)
    def drop_aor(self, aor: AddressOfRecord) -> None:
        dropped = {one.ruid for one in self.locations.drop_aor(aor)}
        assert dropped == {ruid for ruid, (_, one) in self.model.items() if one.aor == aor}
        for ruid in dropped:
            del self.model[ruid]

    @rule(seconds=st.floats(0, 30) | st.just(100_000.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        expired = {one.ruid for one in self.locations.expire(self.now)}
        due = {ruid for ruid, (_, one) in self.model.items() if _second(one.deadline) <= self.now}
        assert expired == due
        for ruid in expired:
            del self.model[ruid]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def refresh(self, data: st.DataObject) -> None:
        ruid = data.draw(st.sampled_from(sorted(self.model)))
        one = self.model[ruid][1]
        self.put(one.aor, ruid[0], one.q, 20.0)

    @invariant()
    def says_the_same(self) -> None:
        assert len(self.locations) == len(self.model)
        assert self.locations.users == len({one.aor for _, one in self.model.values()})
        assert self.locations.by_transport["udp"] == len(self.model)
        for aor in (TEN, ELEVEN):
            mine = [
                (count, one)
                for count, one in self.model.values()
                if one.aor == aor and one.deadline > self.now
            ]
            mine.sort(key=lambda pair: (-pair[1].preference, -pair[0]))
            assert self.locations.lookup(aor, self.now) == [one for _, one in mine]


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
