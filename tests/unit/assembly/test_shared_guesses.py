"""Bans of other boxes hold here, but for whom this box knows."""

from __future__ import annotations

from collections import Counter
from time import monotonic, time
from types import SimpleNamespace
from typing import Any

from appliance.assembly.shared_guesses import SharedGuesses
from appliance.neighbours.frames import BanRow
from appliance.neighbours.strangers import Strangers
from appliance.protection.bans import Bans
from appliance.protection.door import Door, Rates
from appliance.protection.familiar import Familiar
from appliance.protection.guesses import Guesses

PHONE, GUESSER = "198.51.100.7", "198.51.100.66"


def test_nobody_is_banned_by_others_before_it_is_known_who_is_registered() -> None:
    familiar = Familiar([], 100)
    door = Door(Rates(), familiar, Bans(300, 3600, 100), monotonic, Counter(), lambda ban: None)
    locations = SimpleNamespace(loading=True)
    core: Any = SimpleNamespace(locations=locations, guesses=Guesses(100))
    watching: list[Strangers] = []
    nodes: Any = SimpleNamespace(replication=SimpleNamespace(watch=watching.append))
    said: list[tuple[str, str, dict[str, Any]]] = []
    journal: Any = SimpleNamespace(event=lambda name, text, **fields: said.append((name, text, fields)))
    SharedGuesses(door, core, nodes, None, journal)
    rows: list[BanRow] = [(each, time(), time() + 300, 1, "guessing") for each in (PHONE, GUESSER)]
    watching[0].hear("pbx2", rows, {})
    assert len(door.bans) == 0
    familiar.add(PHONE)
    locations.loading = False
    watching[0].hear("pbx2", rows, {})
    assert [ban.source for ban in door.bans.listed(monotonic())] == [GUESSER]
    ((name, text, fields),) = said
    assert (name, text) == ("ban-heard", f"pbx2 has banned {GUESSER} for 300 s: guessing")
    assert (fields["sip_peer"], fields["neighbour"]) == (GUESSER, "pbx2")
    later = time() + 2
    lifted: list[BanRow] = [(GUESSER, later, later, 0, "")]
    watching[0].hear("pbx3", lifted, {})
    assert said[1][1] == f"the ban of {GUESSER} was lifted, says pbx3"
