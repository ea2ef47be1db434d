"""What a user wants done with calls for him: his rows of ``usr_preferences``, put together.

The names are those of SER's out-of-box configuration where it has one. Who reads the rows (``storage``) and
who acts upon them (``proxy``) both know this value and not one another. Must not know SQL, nor requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

ALWAYS = "fwd_always_target"
BUSY = "fwd_busy_target"
NO_ANSWER = "fwd_noanswer_target"
NOT_REGISTERED = "fwd_notregistered_target"
VOICEMAIL = "voicemail_target"
#: How long his phones ring, in milliseconds as SER has it.
RING = "fr_inv_timer"
BLOCKED = "blocked_caller"
REJECT_ANONYMOUS = "reject_anonymous"
ATTRIBUTES = (ALWAYS, BUSY, NO_ANSWER, NOT_REGISTERED, VOICEMAIL, RING, BLOCKED, REJECT_ANONYMOUS)

LONGEST_RING_SECONDS = 3600.0
_TRUE = frozenset({"1", "yes", "true", "on"})


class Preferences(NamedTuple):
    """The wishes of one user; "" and 0 where he has none.

    Targets are SIP URIs, or numbers and names of his own domain. ``blocked`` are callers in lower case: a
    user, ``user@domain``, ``@domain``; ``blocked_beginnings`` are how their user parts begin.
    """

    always: str = ""
    busy: str = ""
    no_answer: str = ""
    not_registered: str = ""
    voicemail: str = ""
    ring_seconds: float = 0.0
    blocked: frozenset[str] = frozenset()
    blocked_beginnings: tuple[str, ...] = ()
    rejects_anonymous: bool = False

    @property
    def follows_failure(self) -> bool:
        """Whether something is to be done when his phones do not take a call."""
        return bool(self.busy or self.no_answer or self.not_registered or self.voicemail)


def gather_preferences(rows: Iterable[tuple[str, str]]) -> Preferences | None:
    """The preferences that these pairs of attribute and value make; None when they make none. Of several
    values of a target the last counts."""
    targets: dict[str, str] = {}
    blocked: set[str] = set()
    beginnings: set[str] = set()
    for attribute, written in rows:
        value = written.strip()
        if attribute == BLOCKED:
            caller = value.lower().removeprefix("sip:")
            if caller.endswith("*"):
                beginnings.add(caller[:-1])
            elif caller:
                blocked.add(caller)
        else:
            targets[attribute] = value
    found = Preferences(
        targets.get(ALWAYS, ""),
        targets.get(BUSY, ""),
        targets.get(NO_ANSWER, ""),
        targets.get(NOT_REGISTERED, ""),
        targets.get(VOICEMAIL, ""),
        _seconds(targets.get(RING, "")),
        frozenset(blocked),
        tuple(sorted(beginnings)),
        targets.get(REJECT_ANONYMOUS, "").lower() in _TRUE,
    )
    return None if found == Preferences() else found


def _seconds(milliseconds: str) -> float:
    if not (milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) < 10):
        return 0.0
    return min(int(milliseconds) / 1000, LONGEST_RING_SECONDS)
