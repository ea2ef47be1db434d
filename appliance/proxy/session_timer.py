"""Session timers (RFC 4028 §8): a proxy lets them pass, unless they are so brief that their refreshes would
cost more than the calls.

Nothing is put in: who wants a timer asks for one. Must not know calls.
"""

from __future__ import annotations

from appliance.errors import MalformedMessage
from appliance.sip.message import Request


class SessionTimer:
    """``least`` is the setting ``min_session_seconds``; there is no SessionTimer when it is 0."""

    def __init__(self, least: int) -> None:
        self._least = least
        self.headers = (f"Min-SE: {least}",)

    def is_too_brief(self, request: Request) -> bool:
        """Whether it is to be refused with 422; that may be only who says that he knows session timers."""
        if not request.has("session-expires") or request.method not in ("INVITE", "UPDATE"):
            return False
        text = (request.first("session-expires") or "").partition(";")[0].strip()
        if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) >= self._least:
            return False
        try:
            return any(option.lower() == "timer" for option in request.items("supported"))
        except MalformedMessage:
            return False
