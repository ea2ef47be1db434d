"""Bans and the state of the flood protection, as ``sipbox ban`` and the agent ask for them."""

from __future__ import annotations

from itertools import islice
from typing import Any

from appliance.errors import ControlError
from appliance.operations.box import Box
from appliance.protection.door import Door
from appliance.protection.source import is_network, named_source
from appliance.telemetry.journal import event

_LONGEST = 31_536_000
#: How many sources go over the control socket in one answer.
_AT_ONCE = 2000
#: How many bans the status page shows.
_SHOWN = 10


class Bans:
    """``bans``, ``ban_add``, ``ban_lift``, ``flood`` and ``known_sources``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def rows(self) -> list[dict[str, Any]]:
        """``source``, ``since`` and ``until`` (seconds since the epoch), ``seconds`` that are left, ``times``
        and ``reason`` of each, the one that ends first at first; ``rests`` says that the source is known by
        now, and is let in for as long as it is."""
        door = self._box.door
        if door is None:
            return []
        wall = self._box.wall()
        return [
            {
                **ban._asdict(),
                "seconds": max(round(ban.until - wall), 1),
                "rests": not is_network(ban.source) and door.is_known(ban.source.partition("/")[0]),
            }
            for ban in door.bans.rows(self._box.clock(), wall)
        ]

    def newest(self) -> list[dict[str, Any]]:
        """The last ones, the newest first, as the status page shows them: ``source``, ``since``, ``until``,
        ``times`` and ``reason``."""
        box = self._box
        if box.door is None:
            return []
        return [ban._asdict() for ban in box.door.bans.newest(_SHOWN, box.clock(), box.wall())]

    def add(self, source: str, seconds: int) -> str:
        """Bans an address or a network; how it is written down. Raises ControlError 400 for what is none, 409
        for who is known."""
        door, name = self._door(), _named(source)
        if not 1 <= seconds <= _LONGEST:
            raise ControlError(400, f"a ban lasts from 1 to {_LONGEST} seconds")
        if door.is_known(name.partition("/")[0]):
            raise ControlError(
                409,
                f"{name} is never banned: a phone is registered there, or it is a gateway, a trusted peer,"
                " exempt, or the box itself",
            )
        door.bans.add(name, seconds, "administrator", self._box.clock())
        self._box.metrics.bans["administrator"] += 1
        event(
            "source-banned",
            f"{name} banned for {seconds} s: administrator",
            sip_peer=name,
            reason="administrator",
        )
        return name

    def lift(self, source: str) -> bool:
        """Takes a ban away; False when there is none. Raises ControlError 400."""
        door, name = self._door(), _named(source)
        lifted = door.bans.lift(name)
        if lifted:
            event("ban-lifted", f"{name} is banned no longer, by an administrator", sip_peer=name)
        return lifted

    def flood(self) -> dict[str, Any]:
        """How it stands: whether it is ``on``, ``hard`` times now, how many are banned, known and remembered,
        what was ``dropped`` since the start by the reason."""
        box = self._box
        door = box.door
        if door is None:
            return {"on": False, "hard": False, "bans": 0, "known": 0, "remembered": 0, "dropped": {}}
        return {
            "on": True,
            "hard": door.is_hard(box.clock()),
            "bans": len(door.bans),
            "known": len(door.familiar.sources),
            "remembered": door.remembered,
            "dropped": dict(box.metrics.strangers_dropped),
        }

    def known_sources(self, first: int = 0) -> dict[str, Any]:
        """Sources that are known by their address, in portions: ``sources`` from the ``first`` on, and
        ``next``, None at the end. ``networks`` come with the first portion; ``number`` is for ``known_news``.
        """
        door = self._box.door
        if door is None:
            return {"sources": [], "networks": [], "next": None, "number": 0}
        familiar = door.familiar
        end = first + _AT_ONCE
        return {
            "sources": list(islice(familiar.sources, first, end)),
            "networks": [] if first else familiar.networks,
            "next": end if end < len(familiar.sources) else None,
            "number": familiar.number,
        }

    def known_news(self, after: int) -> dict[str, Any]:
        """``sources`` that have become known since ``number`` was ``after``, and the ``number`` now; not
        ``complete`` when there were more than are remembered."""
        door = self._box.door
        if door is None:
            return {"sources": [], "number": 0, "complete": True}
        found = door.familiar.news(after)
        return {"sources": found or [], "number": door.familiar.number, "complete": found is not None}

    def _door(self) -> Door:
        if self._box.door is None:
            raise ControlError(400, "the settings have no flood protection (protection.enabled)")
        return self._box.door


def _named(source: str) -> str:
    try:
        return named_source(source)
    except ValueError:
        raise ControlError(
            400, f"{source!r} is no address or network, as 192.0.2.7 or 2001:db8::/48"
        ) from None
