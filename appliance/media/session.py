"""What is asked of rtpengine about one side's session description (its ng protocol, "offer" and "answer")."""

from __future__ import annotations

from typing import NamedTuple


class Session(NamedTuple):
    """A description, and whose it is.

    ``offerer`` and ``answerer`` are the tags of who offers and of who answers, in whichever direction the SIP
    message goes; an offer that begins a call has no answerer yet. ``interfaces`` are the names of rtpengine's
    interfaces towards who sent the description and towards who gets it; None: it has only one.
    """

    call_id: str
    offerer: str
    answerer: str | None
    data: bytes
    interfaces: tuple[str, str] | None = None

    def question(self, command: str) -> dict[str, object]:
        """What rtpengine is asked with ``command``.

        ICE is taken out: phones that know it fall back to what the ``c=`` line says, and that is rtpengine.
        ``loop-protect`` marks a description that was seen already, so that a call which passes twice, or by
        two servers with the same rtpengine, is relayed once.
        """
        question: dict[str, object] = {
            "command": command,
            "call-id": self.call_id,
            "from-tag": self.offerer,
            "sdp": self.data,
            "replace": ["origin", "session-connection"],
            "ICE": "remove",
            "flags": ["loop-protect", "trust-address"],
        }
        if self.answerer is not None:
            question["to-tag"] = self.answerer
        if self.interfaces is not None:
            question["direction"] = list(self.interfaces)
        return question
