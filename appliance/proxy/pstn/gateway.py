"""Calls to the telephone network (the seed's route PSTN): a number that is nobody's here goes to a gateway,
when whoever answers for the call may call it.

Whose rights count is ``incoming.payer``: the caller who has proved who he is, or, when a step before has
forwarded the call, the user who has it forwarded. A peer who is known by his address has the rights that his
tag names; a gateway that is not trusted has none, so it reaches our own users and nobody else.

Must not know how a request is sent, nor what stands in ``guard``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from appliance.errors import MalformedMessage, StorageError
from appliance.proxy.authentication import CredentialsSource
from appliance.proxy.domains import Domains
from appliance.proxy.incoming import Incoming
from appliance.proxy.preferences.diversion import keep_newest_diversions
from appliance.proxy.pstn.caller_id import assert_identity, take_out_claims
from appliance.proxy.pstn.least_cost import LeastCost, targets_of
from appliance.proxy.pstn.number_groups import NOBODY, NumberGroups
from appliance.proxy.target import Target
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.metrics import Metrics

# What begins a call, or costs as much as one: a text to a mobile phone.
_METHODS = frozenset({"INVITE", "MESSAGE"})
_SEPARATORS = str.maketrans("", "", "-.()")
_NOBODY: frozenset[str] = frozenset()


class NumberRange(NamedTuple):
    """How many digits a telephone number has."""

    least: int
    most: int


class Trial(NamedTuple):
    """What would become of a call: the group that the number needs ("" none, None nobody may), those that the
    caller is in, and the gateways in their order, each with the Request-URI that it would get."""

    needed: str | None
    groups: list[str]
    gateways: list[tuple[str, str]]


class Pstn:
    """The step that sends a call outside.

    ``groups(aor)`` are the groups of ``grp`` that somebody is in, ``identity(aor)`` as whom he wants to be
    told to a gateway, "" when he does not say; both answer from memory.
    """

    def __init__(
        self,
        routes: LeastCost,
        numbers: NumberRange,
        permissions: NumberGroups,
        users: CredentialsSource,
        domains: Domains,
        groups: Callable[[AddressOfRecord], frozenset[str]],
        identity: Callable[[AddressOfRecord], str],
        identity_form: str,
        metrics: Metrics,
    ) -> None:
        self._routes = routes
        self._numbers = numbers
        self._permissions = permissions
        self._users = users
        self._domains = domains
        self._groups = groups
        self._identity = identity
        self._identity_form = identity_form
        self._metrics = metrics

    def takes(self, incoming: Incoming) -> bool:
        """Whether the request is for a number outside: no user of ours has it, and there are ways outside.

        To be asked when nobody is registered under it. A stranger's is never for one: he must not learn which
        numbers are ours. While the database is away and nothing is known of the number, it is taken for one
        outside: an emergency call has to go out, and rights are asked for anyway.
        """
        if not self._routes.any or (incoming.peer is None and payer_of(incoming) is None):
            return False
        request = incoming.request
        if request.method not in _METHODS or not self.number_of(request):
            return False
        aor = self._domains.aor(request.uri)
        try:
            return self._users.find(aor.username, aor.domain, self._realm(aor)) is None
        except StorageError:
            return True

    def number_of(self, request: Request) -> str:
        """The number that was dialled, with its + and without the signs that only please the eye; "" when it
        is none."""
        number = request.uri.username.translate(_SEPARATORS)
        return number if self._is_number(number) else ""

    def may_call(self, incoming: Incoming, number: str) -> bool:
        """Whether whoever answers for the call may call this number (the seed's ``gw_acl``)."""
        needed, rights = self._permissions.needed(number), self._rights_of(incoming)
        if needed is not NOBODY and rights is not None and (not needed or needed in rights):
            return True
        self._metrics.gateway_requests["forbidden"] += 1
        return False

    def targets(self, incoming: Incoming, number: str) -> list[Target]:
        """The gateways for this number, the best first; empty when no route fits. The request is made ready
        for them: the caller's identity is put in."""
        request = incoming.request
        found = self._routes.gateways(number, _caller(request), request.call_id, incoming.now)
        if found:
            self._tell_identity(incoming)
            self._metrics.gateway_requests["sent"] += 1
        return targets_of(found, number)

    def trial(self, caller: AddressOfRecord, number: str, now: float) -> Trial | None:
        """What would become of this caller's call to ``number``; None when that is no number."""
        if not self._is_number(number):
            return None
        found = self._routes.gateways(number, f"sip:{caller}", "", now)
        targets = targets_of(found, number)
        ways = [(gateway.name, target.uri) for gateway, target in zip(found, targets, strict=True)]
        return Trial(self._permissions.needed(number), sorted(self._groups(caller)), ways)

    def _is_number(self, number: str) -> bool:
        digits = number.removeprefix("+")
        least, most = self._numbers
        return digits.isascii() and digits.isdigit() and least <= len(digits) <= most

    def _rights_of(self, incoming: Incoming) -> frozenset[str] | None:
        """The groups of whoever answers for the call; None when nobody does."""
        payer = payer_of(incoming)
        if payer is not None:
            return self._groups(payer)
        peer = incoming.peer
        if peer is None or not peer.trusted:
            return None
        return peer.rights

    def _tell_identity(self, incoming: Incoming) -> None:
        peer = incoming.peer
        if peer is not None:
            return  # his word is taken
        take_out_claims(incoming.request)
        forwarded = incoming.forwarded
        keep_newest_diversions(incoming.request, 0 if forwarded is None else forwarded.noted)
        payer = payer_of(incoming)
        if payer is not None:
            assert_identity(incoming.request, self.identity_of(payer), payer.domain, self._identity_form)

    def identity_of(self, payer: AddressOfRecord) -> str:
        """As whom a user of ours calls; "" when nothing is set."""
        return self._identity(payer) or self._rpid(payer)

    def _rpid(self, payer: AddressOfRecord) -> str:
        """What the subscriber's row says that he calls as."""
        try:
            user = self._users.find(payer.username, payer.domain, self._realm(payer))
        except StorageError:
            return ""
        return "" if user is None else user.rpid or ""

    def _realm(self, aor: AddressOfRecord) -> str:
        return self._domains.realm(aor.domain) or aor.domain


def payer_of(incoming: Incoming) -> AddressOfRecord | None:
    """The user who answers for a call: his rights count, and he is accounted. None when it is no user of
    ours."""
    if incoming.payer is not None:
        return incoming.payer
    verified = incoming.verified
    if verified is None:
        return None
    return AddressOfRecord(verified.subscriber.username, verified.subscriber.domain)


def _caller(request: Request) -> str:
    try:
        return request.from_.uri_text
    except MalformedMessage:
        return ""
