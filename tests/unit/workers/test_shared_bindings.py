from __future__ import annotations

from collections.abc import Iterable

import gevent
import pytest

from appliance.registrar.binding_note import note_of
from appliance.registrar.locations import Locations
from appliance.workers.frames import News
from appliance.workers.shared_bindings import Hearing, Telling
from tests.unit.workers.made import AOR, binding


class Teller:
    """Tells two others, 2 and 3."""

    def __init__(self) -> None:
        self.said: list[News] = []
        self.reached = [2, 3]
        self.done: list[str] = []
        self.telling = Telling(77, self._say, lambda: 50.0, lambda: 1000.0)

    def _say(self, news: News) -> Iterable[int]:
        self.said.append(news)
        return self.reached

    def change(self, name: str = "r1") -> None:
        self.telling.changed({name: binding(name)}, lambda: self.done.append(name))


@pytest.fixture
def teller() -> Teller:
    return Teller()


def test_a_change_is_over_when_all_know(teller: Teller) -> None:
    teller.change()
    teller.telling.heard(2, 1)
    assert teller.done == []
    teller.telling.heard(3, 1)
    assert teller.done == ["r1"]
    assert [note[17] for note in teller.said[0].bindings] == ["r1"]


def test_one_answer_is_for_all_before_it(teller: Teller) -> None:
    teller.change("r1")
    teller.change("r2")
    teller.telling.heard(2, 2)
    teller.telling.heard(3, 2)
    assert teller.done == ["r1", "r2"]


def test_who_is_late_is_not_waited_for_until_he_knows_all(teller: Teller) -> None:
    teller.change("r1")
    teller.telling.heard(2, 1)
    with gevent.Timeout(10):
        while not teller.done:
            gevent.sleep(0.005)
    assert teller.telling.late == {3}
    teller.change("r2")
    teller.telling.heard(2, 2)
    assert teller.done == ["r1", "r2"]
    teller.telling.heard(3, 1)
    assert teller.telling.late == {3}
    teller.telling.heard(3, 2)
    assert teller.telling.late == set()
    teller.change("r3")
    teller.telling.heard(2, 3)
    assert teller.done == ["r1", "r2"]
    teller.telling.lost(3)
    assert teller.done == ["r1", "r2", "r3"]


def test_nobody_is_there(teller: Teller) -> None:
    teller.reached = []
    teller.change()
    assert teller.done == ["r1"]


def test_nothing_was_written(teller: Teller) -> None:
    teller.telling.changed({}, lambda: teller.done.append("nothing"))
    assert (teller.done, teller.said) == (["nothing"], [])


def test_many_changes_are_several_news(teller: Teller) -> None:
    changes = {f"r{number}": None if number % 2 else binding(f"r{number}") for number in range(120)}
    teller.telling.changed(changes, lambda: teller.done.append("all"))
    assert [len(news.bindings) + len(news.gone) for news in teller.said] == [50, 50, 20]
    assert teller.said[0].gone[0] == ("r1", 1000.0)
    teller.telling.heard(2, 2)
    teller.telling.heard(3, 3)
    assert teller.done == []
    teller.telling.heard(2, 3)
    assert teller.done == ["all"]


class Hearer:
    def __init__(self) -> None:
        self.now = 50.0
        self.locations = Locations()
        self.removed: list[str] = []
        self.readings = 0
        self.hearing = Hearing(self.locations, self.removed.extend, self._read, lambda: self.now)

    def _read(self) -> None:
        self.readings += 1

    def hear(self, number: int, *bindings: object, gone: tuple[tuple[str, float], ...] = ()) -> bool:
        notes = [note_of(each) for each in bindings]  # type: ignore[arg-type]
        return self.hearing.hears(2, News(77, number, 50.0, notes, list(gone), [], []))


@pytest.fixture
def hearer() -> Hearer:
    return Hearer()


def test_what_is_heard_is_known(hearer: Hearer) -> None:
    assert hearer.hear(1, binding("r1"), binding("r2", contact="sip:10@192.0.2.10"))
    assert len(hearer.locations.lookup(AOR, 60.0)) == 2
    assert hearer.hear(2, gone=(("r1", 101.0),))
    assert [each.ruid for each in hearer.locations.lookup(AOR, 60.0)] == ["r2"]
    assert hearer.removed == ["r1"]
    assert hearer.readings == 0


def test_the_later_change_counts(hearer: Hearer) -> None:
    mine = binding("r1", modified=200.0)
    hearer.locations.put(mine)
    hearer.hear(1, binding("r1", modified=199.4), gone=(("r1", 199.5),))
    assert hearer.locations.get("r1") is mine
    hearer.hear(2, binding("r1", modified=201.0))
    found = hearer.locations.get("r1")
    assert found is not None
    assert found.modified == 201.0


def test_a_clock_that_was_set_back_makes_nothing_old(hearer: Hearer) -> None:
    hearer.locations.put(binding("r1", modified=5000.0))
    hearer.hear(1, binding("r1", modified=1400.0))
    assert hearer.locations.get("r1").modified == 1400.0  # type: ignore[union-attr]
    hearer.hear(2, gone=(("r1", 300.0),))
    assert hearer.locations.get("r1") is None


def test_a_number_that_is_missing_has_all_read_again(hearer: Hearer) -> None:
    assert hearer.hear(4)  # the first that is heard of a process
    assert hearer.hear(5)
    assert not hearer.hear(7)
    assert hearer.readings == 1
    assert hearer.hear(8)


def test_the_end_that_is_missing_is_noticed_by_the_sign_of_life(hearer: Hearer) -> None:
    assert hearer.hearing.meets(2, 77, 0)
    hearer.hear(1)
    assert hearer.hearing.meets(2, 77, 1)
    assert not hearer.hearing.meets(2, 77, 3)
    assert hearer.readings == 1
    assert hearer.hearing.meets(2, 77, 3)


def test_another_process_begins_anew(hearer: Hearer) -> None:
    hearer.hear(9)
    assert hearer.hearing.meets(2, 78, 0)
    assert hearer.hearing.hears(2, News(78, 1, 50.0, [], [], [], []))
    assert hearer.hearing.hears(2, News(79, 1, 50.0, [], [], [], []))
    assert hearer.readings == 0


def test_what_comes_late_makes_it_look_for_rows_for_a_while(hearer: Hearer) -> None:
    hearer.hear(1)
    assert not hearer.hearing.behind
    hearer.now = 50.03
    hearer.hear(2)
    assert hearer.hearing.behind
    hearer.now = 51.1
    assert not hearer.hearing.behind


def test_a_note_of_another_version_is_something_missed(hearer: Hearer) -> None:
    hearer.hearing.hears(2, News(77, 1, 50.0, [["too", "short"]], [], [], []))
    assert hearer.readings == 1
    assert hearer.hearing.behind


def test_what_is_heard_is_passed_on_to_other_nodes() -> None:
    overheard: list[tuple[list[str], list[str]]] = []
    hearing = Hearing(
        Locations(),
        lambda _: None,
        lambda: None,
        lambda: 50.0,
        lambda puts, gone: overheard.append(([each.ruid for each in puts], list(gone))),
    )
    hearing.hears(2, News(77, 1, 50.0, [note_of(binding("r1"))], [("r2", 101.0)], [], []))
    hearing.hears(2, News(77, 2, 50.0, [], [], [], []))
    assert overheard == [(["r1"], ["r2"])]
