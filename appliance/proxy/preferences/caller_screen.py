"""Whom a user does not want to hear: callers that he has blocked, and those who do not say who they are (RFC
5079).

Must not know where preferences come from, nor how a request is answered.
"""

from __future__ import annotations

from appliance.errors import MalformedMessage
from appliance.proxy.pstn.caller_id import ANONYMOUS_HOST
from appliance.registrar.preferences import Preferences
from appliance.sip.message import Request

_HIDDEN = frozenset({"id", "user", "header"})
_METHODS = frozenset({"INVITE", "MESSAGE"})


def is_blocked(request: Request, wishes: Preferences) -> bool:
    """Whether the callee has blocked this caller, by his From."""
    if request.method not in _METHODS or not (wishes.blocked or wishes.blocked_beginnings):
        return False
    try:
        uri = request.from_.uri
    except MalformedMessage:
        return False
    user = (uri.username or uri.opaque).lower()
    blocked = wishes.blocked
    if user in blocked or f"{user}@{uri.host}" in blocked or f"@{uri.host}" in blocked:
        return True
    return bool(wishes.blocked_beginnings) and user.startswith(wishes.blocked_beginnings)


def is_unwanted_anonymous(request: Request, wishes: Preferences) -> bool:
    """Whether the callee wants to know who is calling, and this caller hides it (RFC 3323, RFC 3325 §7)."""
    return wishes.rejects_anonymous and request.method in _METHODS and _is_anonymous(request)


def _is_anonymous(request: Request) -> bool:
    for wish in (request.first("privacy") or "").split(";"):
        if wish.strip().lower() in _HIDDEN:
            return True
    try:
        uri = request.from_.uri
    except MalformedMessage:
        return True
    return uri.host == ANONYMOUS_HOST or uri.username.lower() == "anonymous"
