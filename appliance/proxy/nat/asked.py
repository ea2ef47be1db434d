"""What rtpengine was asked about the descriptions of a call, and what it has answered.

About the last description of each kind it is not asked again, since a 2xx and its ACK come in copies. Must
not know which calls are relayed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, Protocol

from appliance.media.session import Session
from appliance.sip.message import Message, Request

# Beyond, a copy of a response is one question more.
_MOST_CALLS = 8192


class MediaNodes(Protocol):
    """rtpengine. ``offer`` and ``answer`` wait, and raise MediaUnavailable; ``delete`` returns at once."""

    def offer(self, session: Session) -> bytes: ...
    def answer(self, session: Session) -> bytes: ...
    def delete(self, call_id: str, from_tag: str, to_tag: str | None) -> None: ...


class _Told(NamedTuple):
    """A description that was rewritten: what was asked, for which request, and the answer."""

    session: Session
    cseq: int
    result: bytes


class Asked:
    """Asks ``nodes``, and remembers the last question of each kind for every call."""

    def __init__(self, nodes: MediaNodes) -> None:
        self._nodes = nodes
        # By Call-ID, then by the command and the branch that it was asked for.
        self._told: OrderedDict[str, dict[str, _Told]] = OrderedDict()

    def ask(self, command: str, message: Message, session: Session) -> bytes:
        """What rtpengine makes of a description. Raises MediaUnavailable; may wait."""
        kind, cseq = command + session.branch, message.cseq.number
        told = self._told.get(session.call_id, {}).get(kind)
        if told is not None and told.cseq == cseq and told.session == session:
            return told.result
        result = self._nodes.offer(session) if command == "offer" else self._nodes.answer(session)
        # Asking has taken time: what is known of the call is looked up anew.
        self._told.setdefault(session.call_id, {})[kind] = _Told(session, cseq, result)
        self._told.move_to_end(session.call_id)
        if len(self._told) > _MOST_CALLS:
            self._told.popitem(last=False)
        return result

    def offers(self, call_id: str) -> list[Session]:
        """What was offered in this call so far, the latest branch last."""
        known = self._told.get(call_id, {})
        return [told.session for kind, told in known.items() if kind.startswith("offer")]

    def forget(self, request: Request, to_tag: str | None) -> None:
        """The call is over, or with ``to_tag`` this dialog of it.

        Where phones of several kinds rang and one has answered, what was offered to the others goes with it.
        """
        known = self._told.pop(request.call_id, {})
        offers = sum(kind.startswith("offer") for kind in known)
        if offers > 1 and len(known) - offers < 2:
            to_tag = None
        self._nodes.delete(request.call_id, request.from_tag or "", to_tag)
