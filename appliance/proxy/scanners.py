"""Strangers who only look whether somebody is here: their requests get no answer at all.

Programs that look for servers to attack say who they are, mostly, and ask with OPTIONS. Nobody who is known
by his address is turned away. Must not know how a sender becomes known.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance.protection.door import Door
from appliance.sip.hop import Hop
from appliance.sip.message import Request


class Scanners:
    """``agents`` are how the User-Agents of scanners begin, in any case; ``answer_options``: strangers may
    ask what the server can do."""

    def __init__(self, door: Door, agents: Sequence[str], *, answer_options: bool) -> None:
        self.door = door
        self._agents = tuple(agent.lower() for agent in agents)
        self._answers_options = answer_options

    def turns_away(self, request: Request, hop: Hop) -> bool:
        """Whether a request is passed over in silence."""
        if self.door.is_known(hop.host):
            return False
        if request.method == "OPTIONS" and not self._answers_options and not _is_in_dialog(request):
            return True
        agent = request.first("user-agent")
        return agent is not None and agent.lower().startswith(self._agents)


def _is_in_dialog(request: Request) -> bool:
    """As far as it says so itself; whether it is believed is for its Route to prove."""
    return request.to_tag is not None and request.has("route")
