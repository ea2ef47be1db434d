"""What is asked of rtpengine about one side's session description (its ng protocol, "offer" and "answer")."""

from __future__ import annotations

from typing import NamedTuple


class Session(NamedTuple):
    """A description, and whose it is.

    ``offerer`` and ``answerer`` are the tags of who offers and of who answers, in whichever direction the SIP
    message goes; an offer that begins a call has no answerer yet. ``interfaces`` are the names of rtpengine's
    interfaces towards who sent the description and towards who gets it; None: it has only one. ``web`` says
    of both whether they are browsers, which take encrypted sound (DTLS-SRTP) with ICE and no other.
    ``branch`` tells offers of one call apart that are made to phones of several kinds at once. ``family`` is
    what whoever gets an offer speaks, ``IP4`` or ``IP6``; "" is what it was made with.
    """

    call_id: str
    offerer: str
    answerer: str | None
    data: bytes
    interfaces: tuple[str, str] | None = None
    web: tuple[bool, bool] = (False, False)
    branch: str = ""
    family: str = ""

    def question(self, command: str) -> dict[str, object]:
        """What rtpengine is asked with ``command``.

        ICE is taken out: phones that know it fall back to what the ``c=`` line says, and that is rtpengine. A
        browser has to have it, and what is encrypted on its side is plain on the other's: that is said in the
        offer, and rtpengine remembers it for the answer.
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
        if self.branch:
            question["via-branch"] = self.branch
        if self.web != (False, False):
            self._for_browsers(command, question)
        if self.family and command == "offer":
            question["address family"] = self.family  # rtpengine remembers the other side's for the answer
        if self.answerer is not None:
            question["to-tag"] = self.answerer
        if self.interfaces is not None:
            question["direction"] = list(self.interfaces)
        return question

    def _for_browsers(self, command: str, question: dict[str, object]) -> None:
        speaker, listener = self.web
        if listener:
            question["ICE"] = "force"
        if command != "offer" or speaker == listener:
            return
        question["SDES"] = ["off"]
        if listener:
            question["transport-protocol"] = "UDP/TLS/RTP/SAVPF"
            question["rtcp-mux"] = ["offer"]
            question["flags"] = ["loop-protect", "trust-address", "generate-mid"]
        else:
            question["transport-protocol"] = "RTP/AVP"
            question["rtcp-mux"] = ["demux"]
