"""What happens to every request, from top to bottom: ``route { … }`` of an OpenSER script, in Python.

The steps and their order are those of the final script in the document of 2007 (``route[1]`` relays,
``route[2]`` registers, ``route[3]`` is for calls), with what was missing there: it was an open relay,
believed any Route header, and knew no method but INVITE and REGISTER. Each step is a method named after what
the script calls it; how a step is done stands in its own file beside this one. A step may wait (for a commit,
a lookup, a connection): it holds up nobody else.
"""

from __future__ import annotations

from appliance.errors import StorageError
from appliance.proxy.flow_tokens import FlowTokens
from appliance.proxy.incoming import Incoming
from appliance.proxy.parts import Parts
from appliance.proxy.preferences.caller_screen import is_blocked, is_unwanted_anonymous
from appliance.proxy.preferences.forwarding import ALWAYS, BUSY, NOT_REGISTERED, occasion_of
from appliance.proxy.preferences.offline import KEPT
from appliance.proxy.preferences.speed_dials import SpeedDials
from appliance.proxy.presence import EVENT_METHODS
from appliance.proxy.pstn.caller_id import preferred_identity, take_out_claims
from appliance.proxy.pstn.enum_query import EnumQuery
from appliance.proxy.pstn.site_prefixes import SitePrefixes
from appliance.proxy.replies import Answer
from appliance.proxy.session_timer import SessionTimer
from appliance.proxy.target import Target
from appliance.registrar.answer import Outcome
from appliance.registrar.gruu import Gruus
from appliance.registrar.preferences import Preferences
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

OK = Answer(200, "OK")
METHODS = (
    "INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "OPTIONS", "MESSAGE",
    "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "INFO", "UPDATE", "PRACK",
)  # fmt: skip
ALLOW = f"Allow: {', '.join(METHODS)}"
# RFC 3261 §11.2: nothing is encoded, and no language is spoken.
ABILITIES = (ALLOW, "Accept: application/sdp", "Accept-Encoding: identity")


class Routes:
    """Takes one request at a time, and answers or relays it."""

    def __init__(self, parts: Parts) -> None:
        self.domains = parts.domains
        self.policy = parts.policy
        self.credentials = parts.credentials
        self.registrar = parts.registrar
        self.locations = parts.locations
        self.aliases = parts.aliases
        self.dialogs = parts.dialogs
        self.nat = parts.nat
        self.media = parts.media
        self.relays = parts.relays
        self.self_loop = parts.self_loop
        self.journal = parts.journal
        self.tracer = parts.tracer
        self.accounting = parts.accounting
        self.peers = parts.peers
        self.flow_tokens = parts.flow_tokens
        self.gruus = parts.gruus
        self.privacy = parts.privacy
        # What the registrar supports.
        extensions = ", ".join(sorted(parts.registrar.extensions.supported, reverse=True))
        self.abilities = (*ABILITIES, f"Supported: {extensions}") if extensions else ABILITIES
        self.edge_proxies = parts.edge_proxies
        self.gateways = parts.pstn
        self.neighbours = parts.neighbours
        self.forwarding = parts.forwarding
        self.load_callee = parts.preferences
        self.speed_dials = parts.speed_dials
        self.failure_redirects = parts.failure_redirects
        self.offline = parts.offline
        self.presence = parts.presence
        self.session_timer = parts.session_timer
        self.sites = parts.sites
        self.enum = parts.enum

    # -- route: every request begins here --------------------------------------------------------------------

    def route(self, incoming: Incoming) -> None:
        request = incoming.request
        self.nat_test(incoming)
        if request.method == "CANCEL":
            return self.relays.cancel(incoming)
        if request.max_forwards == 0:
            return incoming.refuse(incoming.replies.too_many_hops, "too_many_hops")
        if self.relays.is_loop(incoming):
            return incoming.refuse(incoming.replies.loop, "loop")
        if request.has("proxy-require"):
            return self.refuse_extensions(incoming)
        if self.session_timer is not None and self.session_timer.is_too_brief(request):
            return self.refuse_session(incoming, self.session_timer)
        if self.self_loop.takes(request):
            return self.relay_to_myself(incoming)
        if request.has("route"):
            if ruid := self.from_neighbour(incoming):
                return self.relay_for_neighbour(incoming, ruid)
            if self.loose_route(incoming):
                return self.relay_in_dialog(incoming)
            if request.has("route"):
                return incoming.refuse(incoming.replies.preloaded_route, "acl")
        if request.method == "ACK":
            return self.relays.acknowledge(incoming)
        if request.method == "REGISTER":
            return self.register(incoming)
        if self.is_for_the_server(incoming):
            return self.options_reply(incoming)
        return self.call(incoming)

    # -- route[1]: t_relay -----------------------------------------------------------------------------------

    def relay(self, incoming: Incoming, targets: list[Target]) -> None:
        if self.tracer.active and not (targets and targets[0].looped):
            self.tell_ways(incoming, targets)
        if self.rtp_proxy(incoming, targets):
            self.relays.relay(incoming, targets)

    def relay_in_dialog(self, incoming: Incoming) -> None:
        """A request along a route that we signed: nobody is asked for a password in the middle of a call."""
        request = incoming.request
        self.credentials.consume(request)
        self.privacy.came_in_dialog(incoming)
        self.do_accounting(incoming)
        if incoming.flow and self.flow_tokens is not None:
            return self.relay_by_flow(incoming, self.flow_tokens)
        if self.domains.is_me(request.uri) and not request.has("route"):
            if self.gruus is not None and request.uri.has_param("gr"):
                return self.deliver(incoming, self.lookup_phone(incoming, self.gruus))
            return self.relay(incoming, self.lookup_location(self.domains.aor(request.uri)))
        by_flow = incoming.peer_nated or request.uri.transport in ("tls", "ws")
        hop = self.find_flow(incoming) if by_flow else None
        target = Target(request.uri_text, hop, nated=incoming.peer_nated, listener=incoming.leaves_by)
        return self.relay(incoming, [target])

    def relay_by_flow(self, incoming: Incoming, tokens: FlowTokens) -> None:
        """The phone has asked to be reached by the flow that our Route names (RFC 5626 §5.3); where that is
        gone, by a newer one. 430 when there is none."""
        request = incoming.request
        flow = tokens.read(incoming.flow, request.call_id)
        if flow is None:
            return incoming.refuse(incoming.replies.forged_flow, "acl")
        if self.domains.serves(request.to.uri.host):
            aor = self.domains.aor(request.to.uri)
            if not self.locations.has_flow(aor, flow):
                flow = self.find_flow(incoming) or flow
        target = Target(request.uri_text, flow, nated=incoming.peer_nated, by_flow=True)
        return self.relay(incoming, [target])

    def relay_for_neighbour(self, incoming: Incoming, ruid: str) -> None:
        """Another node has let this in and calls a phone that only we reach: to that binding it goes."""
        incoming.admit()
        target = self.locations.named(ruid)
        if target is None:
            return incoming.reply(incoming.replies.not_registered)
        return self.relay(incoming, [target])

    def relay_to_myself(self, incoming: Incoming) -> None:
        """The demonstration: the first arrival goes to this very server, only the second one is processed."""
        self.self_loop.mark(incoming.request)
        self.relay(incoming, [self.self_loop.target(incoming.request, incoming.hop)])

    # -- route[2]: REGISTER ----------------------------------------------------------------------------------

    def register(self, incoming: Incoming) -> None:
        request, replies = incoming.request, incoming.replies
        if not self.domains.is_me(request.uri):
            return incoming.refuse(self.policy.refuses_registrar(request), "acl")
        if not self.domains.serves(request.to.uri.host):
            return incoming.reply(self.policy.refuses_address(request))
        if replies.trying_to_register:
            incoming.reply(replies.trying_to_register)
        if not self.www_authorize(incoming):
            return None
        if not self.check_to(incoming):
            incoming.explain("To names somebody else than the password", "red")
            return incoming.reply(replies.to_mismatch)
        # The script consumes the credentials here; nothing is forwarded that they could be hidden from.
        return self.save_location(incoming)

    def save_location(self, incoming: Incoming) -> None:
        """Answers when the binding is durable; until then its transaction absorbs the retransmissions."""
        incoming.admit()
        aor = self.domains.aor(incoming.request.to.uri)
        outcome = self.registrar.register(
            incoming.request,
            aor,
            incoming.hop,
            self.domains.listener_name(incoming.hop),
            incoming.now,
            nated=incoming.nated,
            edge=incoming.request.has("path") and self.edge_proxies.sent(incoming),
        )
        if incoming.watched:
            self.tell_bindings(incoming, outcome)
        incoming.reply(Answer(outcome.status, outcome.reason), outcome.headers)
        self.journal.registered(incoming, outcome)
        if self.offline is not None and outcome.status == 200:
            self.offline.registered(aor)  # m_dump

    # -- route[3]: calls, and every other request that belongs to no dialog ----------------------------------

    def call(self, incoming: Incoming) -> None:
        request, replies = incoming.request, incoming.replies
        if self.allow_trusted(incoming):
            if not self.may_reach(incoming):
                return incoming.refuse(replies.relaying, "acl")
        elif self.is_of_ours(incoming) or not replies.strangers_may_call:
            if not self.proxy_authorize(incoming):
                return None
            if not self.check_from(incoming):
                incoming.explain("From names somebody else than the password", "red")
                return incoming.reply(replies.from_mismatch)
            self.credentials.consume(request)
        elif refusal := self.domain_policy(incoming):
            return incoming.refuse(refusal, "acl")
        if self.privacy.is_too_much(request):
            return incoming.reply(replies.no_privacy)
        incoming.admit()
        self.do_accounting(incoming)
        if not self.domains.is_me(request.uri):
            return self.deliver(incoming, self.outbound(incoming))
        if self.gruus is not None and request.uri.has_param("gr"):
            return self.deliver(incoming, self.lookup_phone(incoming, self.gruus))
        if self.speed_dials is not None and self.speed_dial(incoming, self.speed_dials):
            return None
        if self.sites is not None and self.site_specific(incoming, self.sites):
            return self.deliver(incoming, self.elsewhere(incoming))
        if self.presence is not None and (server := self.presence.target(incoming)):
            return self.relay(incoming, [server])
        return self.deliver(incoming, self.inbound(incoming))

    def deliver(self, incoming: Incoming, way: list[Target] | Answer) -> None:
        """Relays it, or says why not."""
        if isinstance(way, list):
            return self.relay(incoming, way)
        self.relays.refused(incoming, way.status)
        return incoming.refuse(way, "acl") if way.status == 403 else incoming.reply(way)

    def outbound(self, incoming: Incoming) -> list[Target] | Answer:
        """Somebody of ours calls another domain, or has a call forwarded there, unless his domain is a walled
        garden."""
        request, payer = incoming.request, incoming.payer
        caller = request.from_.uri if incoming.prefers is None else incoming.prefers
        refusal = self.policy.refuses_outbound(caller.host if payer is None else payer.domain)
        return [Target(request.uri_text)] if refusal is None else refusal

    # -- INBOUND: somebody here, or whoever he has his calls forwarded to ------------------------------------

    def inbound(self, incoming: Incoming) -> list[Target] | Answer:
        """Where a request for a user of ours goes, or what it is refused with."""
        if alias := self.lookup_aliases(incoming):
            return [alias]
        callee = self.domains.aor(incoming.request.uri)
        wishes = self.load_callee(callee)
        if wishes is not None:
            return self.as_wished(incoming, callee, wishes)
        if targets := self.lookup_location(callee):
            return targets
        return self.absent(incoming, callee)

    def as_wished(
        self, incoming: Incoming, callee: AddressOfRecord, wishes: Preferences
    ) -> list[Target] | Answer:
        """The same for a user who has said what he wants done with it."""
        if is_blocked(incoming.request, wishes):
            return incoming.replies.blocked_caller
        if is_unwanted_anonymous(incoming.request, wishes):
            return incoming.replies.anonymity
        if self.forward(incoming, callee, wishes, ALWAYS):
            return self.forwarded(incoming)
        if targets := self.lookup_location(callee):
            if self.forwarding is not None and incoming.request.method == "INVITE":
                self.forwarding.watch(incoming, callee, wishes, self.failure_route)
            return targets
        if self.forward(incoming, callee, wishes, NOT_REGISTERED):
            return self.forwarded(incoming)
        return self.absent(incoming, callee)

    def absent(self, incoming: Incoming, callee: AddressOfRecord) -> list[Target] | Answer:
        """Nobody is registered: a number may be one outside, a message may wait until he is (m_store)."""
        if self.enum is not None and self.enum_query(incoming, self.enum):
            return self.forwarded(incoming)
        if self.gateways.takes(incoming):
            return self.pstn(incoming)
        if self.offline is not None and self.offline.keep(incoming, callee):
            return KEPT
        if incoming.request.method in EVENT_METHODS:
            return incoming.replies.bad_event
        self.tracer.note("User is not found", "red", incoming.request)
        return incoming.replies.not_registered

    def forwarded(self, incoming: Incoming) -> list[Target] | Answer:
        """A request whose Request-URI is whom the callee has it forwarded to; he may have named another
        site's number."""
        if self.sites is not None and self.domains.is_me(incoming.request.uri):
            self.site_specific(incoming, self.sites)
        return self.elsewhere(incoming)

    def elsewhere(self, incoming: Incoming) -> list[Target] | Answer:
        """A request whose Request-URI has been replaced: for somebody here, or in another domain."""
        here = self.domains.is_me(incoming.request.uri)
        return self.inbound(incoming) if here else self.outbound(incoming)

    # -- PSTN: a number that is nobody's here ----------------------------------------------------------------

    def pstn(self, incoming: Incoming) -> list[Target] | Answer:
        """To a gateway, if whoever answers for the call (``incoming.payer``) may call that number."""
        incoming.outside = True
        number = self.gateways.number_of(incoming.request)
        if not self.check_pstn_permissions(incoming, number):
            return incoming.replies.pstn_not_permitted
        return self.load_gws(incoming, number) or incoming.replies.no_gateway

    # -- failure_route: a call that the callee's phones did not take ----------------------------------------

    def failure_route(self, incoming: Incoming, status: int, answered: bool) -> list[Target]:
        """Where a call goes that the callee's phones did not take; empty: the caller is told ``status``."""
        forwarded = incoming.forwarded
        callee = None if forwarded is None else forwarded.callee
        wishes = None if callee is None else self.load_callee(callee)
        occasion = occasion_of(status, answered=answered)
        if callee is None or wishes is None or not occasion:
            return []
        if self.failure_redirects:
            self.redirect(incoming, callee, wishes, occasion)
            return []
        if not self.forward(incoming, callee, wishes, occasion):
            return []
        try:
            way = self.forwarded(incoming)
        except StorageError:
            return []
        return way if isinstance(way, list) and self.rtp_proxy(incoming, way) else []

    # -- the steps -------------------------------------------------------------------------------------------

    def nat_test(self, incoming: Incoming) -> None:
        """Whether the sender is behind a NAT: then its Contact is made to lead to where it sends from."""
        if self.nat is not None:
            self.nat.test(incoming)

    def refuse_extensions(self, incoming: Incoming) -> None:
        """Proxy-Require names what a proxy must understand; there is nothing that we would (§16.3 step 5)."""
        unknown = ", ".join(incoming.request.items("proxy-require"))
        incoming.refuse(incoming.replies.bad_extension, "unsupported", (f"Unsupported: {unknown}",))

    def refuse_session(self, incoming: Incoming, timer: SessionTimer) -> None:
        """A session timer that is so brief is no good to anybody (RFC 4028 §8.1)."""
        incoming.refuse(incoming.replies.brief_session, "unsupported", timer.headers)

    def from_neighbour(self, incoming: Incoming) -> str | None:
        """The binding that another node sends a request to, if its Route is signed by one."""
        neighbours = self.neighbours
        return None if neighbours is None else neighbours.binding_of(incoming.request, self.domains.is_me)

    def loose_route(self, incoming: Incoming) -> bool:
        """Whether the request follows a Route that we signed for this very dialog; our own Routes are taken
        off, and what is known of the dialog (who is behind a NAT) is restored from them.

        Whatever else a Route header says is no reason to believe anything: a request that has none of ours
        left is treated as one out of dialog, so nobody relays through us with an invented To tag.
        """
        request = incoming.request
        if not request.has("route"):
            return False
        self.dialogs.repair_strict_route(request, self.domains.is_me)
        proof = self.dialogs.strip_own_routes(request, self.domains.is_me)
        if proof is None or request.to_tag is None:
            return False
        incoming.leaves_by = proof.leaves_by
        if proof.flow and not request.has("route"):
            incoming.flow = proof.flow
        if proof.flags:
            incoming.flags, incoming.peer_nated = proof.flags, proof.receiver_nated
            if self.nat is not None and proof.sender_nated and not incoming.nated:
                self.nat.remember(incoming)
        return True

    def find_flow(self, incoming: Incoming) -> Hop | None:
        """Where our user behind a NAT is in the middle of a call; None: where the Request-URI says."""
        request = incoming.request
        if request.has("route") or not self.domains.serves(request.to.uri.host):
            return None
        return self.locations.flow_now(self.domains.aor(request.to.uri), request.uri)

    def is_for_the_server(self, incoming: Incoming) -> bool:
        """Without a user it asks the server itself: OPTIONS what it can do (RFC 3261 §11), and what is no
        method of anybody's."""
        request = incoming.request
        return (
            not request.uri.user
            and (request.method == "OPTIONS" or request.method not in METHODS)
            and self.domains.is_me(request.uri)
        )

    def options_reply(self, incoming: Incoming) -> None:
        """What we can do; a method that we have never heard of is none of it (§8.2.1)."""
        if incoming.request.method != "OPTIONS":
            return incoming.refuse(incoming.replies.unknown_method, "unsupported", (ALLOW,))
        return incoming.reply(OK, self.abilities)

    def www_authorize(self, incoming: Incoming) -> bool:
        """Whether the REGISTER proves whose it is; if not, it has been challenged with 401."""
        return self.credentials.www_authorize(incoming)

    def check_to(self, incoming: Incoming) -> bool:
        """The address that is registered is the one whose password was given, not somebody else's."""
        return self.credentials.check_to(incoming)

    def allow_trusted(self, incoming: Incoming) -> bool:
        """Whether the sender is known by his address: a gateway, or a trusted peer. He is not challenged, and
        what he says about who is calling is believed; of anybody else's request that is taken out."""
        incoming.peer = self.peers.sender(incoming.request, incoming.hop)
        if incoming.peer is not None:
            return True
        preferred = preferred_identity(incoming.request)
        if preferred is not None and self.domains.serves(preferred.host):
            incoming.prefers = preferred
        take_out_claims(incoming.request)
        return False

    def is_of_ours(self, incoming: Incoming) -> bool:
        """Whether the caller says that he is in a domain of ours, in From or, where that is anonymous, in
        P-Preferred-Identity: then he has to prove it."""
        return incoming.prefers is not None or self.domains.serves(incoming.request.from_.uri.host)

    def may_reach(self, incoming: Incoming) -> bool:
        """A gateway reaches our own users only; a peer that is trusted, whomever our users reach."""
        peer = incoming.peer
        return (peer is not None and peer.trusted) or self.domains.is_me(incoming.request.uri)

    def proxy_authorize(self, incoming: Incoming) -> bool:
        """Whether the request proves whose it is; if not, it has been challenged with 407."""
        return self.credentials.proxy_authorize(incoming)

    def check_from(self, incoming: Incoming) -> bool:
        """The caller is the one whose password was given: stolen credentials give nobody another name."""
        return self.credentials.check_from(incoming)

    def domain_policy(self, incoming: Incoming) -> Answer | None:
        """What a caller of another domain is refused with; None when he may call our user."""
        refusal = self.policy.refuses_stranger(incoming.request)
        if refusal is not None:
            self.journal.relay_refused(incoming)
        return refusal

    def do_accounting(self, incoming: Incoming) -> None:
        """A call that was let in, or that ends, becomes rows of ``acc`` and ``cdrs`` when it has its final
        response, and of ``missed_calls`` when our user has missed it."""
        if self.accounting is not None:
            self.accounting.begin(incoming)

    def speed_dial(self, incoming: Incoming, dials: SpeedDials) -> bool:
        """Two digits of a user of ours mean an address of his own: he is told it (302), or it is called.
        False when he has dialled nothing of the kind."""
        target = dials.target(incoming)
        if target is None:
            return False
        if dials.redirects:
            incoming.reply(incoming.replies.speed_dial, (f"Contact: <{target}>",))
            return True
        incoming.request.uri_text = target
        self.deliver(incoming, self.forwarded(incoming))
        return True

    def site_specific(self, incoming: Incoming, sites: SitePrefixes) -> bool:
        """A number that begins with another site's prefix: the Request-URI is one there now (``pdt``)."""
        return sites.translate(incoming)

    def lookup_aliases(self, incoming: Incoming) -> Target | None:
        """Another name of somebody: the Request-URI is replaced; None when the address is nobody's alias, or
        our own user's, whose location is looked up instead."""
        request = incoming.request
        alias = self.aliases(self.domains.aor(request.uri))
        if alias is None:
            return None
        request.uri_text = alias
        return None if self.domains.is_me(request.uri) else Target(alias, named=True)

    def forward(
        self, incoming: Incoming, callee: AddressOfRecord, wishes: Preferences, occasion: str
    ) -> bool:
        """Whether the callee has such a call forwarded: its Request-URI is another, and he answers for it."""
        if self.forwarding is None or incoming.request.method != "INVITE":
            return False
        if not self.forwarding.forward(incoming, callee, wishes, occasion):
            return False
        self.tracer.note(f"Call is forwarded ({occasion})", "yellow", incoming.request)
        return True

    def lookup_location(self, callee: AddressOfRecord) -> list[Target]:
        """Where the user can be reached now, best first."""
        return self.locations.lookup(callee)

    def lookup_phone(self, incoming: Incoming, gruus: Gruus) -> list[Target] | Answer:
        """Where the phone is that a GRUU names (RFC 5627 §6.1): nothing is forwarded, and no other rings."""
        uri = incoming.request.uri
        gruu = gruus.resolve(uri, self.domains.aor(uri))
        if gruu is None:
            return incoming.replies.no_gruu
        wishes = self.load_callee(gruu.aor)
        if wishes is not None and is_blocked(incoming.request, wishes):
            return incoming.replies.blocked_caller
        if wishes is not None and is_unwanted_anonymous(incoming.request, wishes):
            return incoming.replies.anonymity
        return self.locations.of_phone(gruu) or incoming.replies.not_registered

    def enum_query(self, incoming: Incoming, numbers: EnumQuery) -> bool:
        """A number that has a SIP address in the DNS: the Request-URI is that one now."""
        target = numbers.target(incoming)
        if target is None:
            return False
        request = incoming.request
        request.uri_text = target
        incoming.outside = not self.domains.is_me(request.uri)
        return True

    def check_pstn_permissions(self, incoming: Incoming, number: str) -> bool:
        """Whether he may call it: what ``grp`` says of the user, or the tag of a trusted peer."""
        return self.gateways.may_call(incoming, number)

    def load_gws(self, incoming: Incoming, number: str) -> list[Target]:
        """The gateways for a number, the least cost first; the next one is tried when one has failed."""
        return self.gateways.targets(incoming, number)

    def redirect(
        self, incoming: Incoming, callee: AddressOfRecord, wishes: Preferences, occasion: str
    ) -> None:
        """The caller is told whom to call instead, if the callee has named somebody."""
        target = ""
        if self.forwarding is not None:
            target = self.forwarding.redirects_to(incoming, callee, wishes, occasion)
        if target:
            replies = incoming.replies
            answer = replies.redirect_busy if occasion == BUSY else replies.redirect_no_answer
            incoming.reply(answer, (f"Contact: <{target}>",))

    def tell_ways(self, incoming: Incoming, targets: list[Target]) -> None:
        """For those who watch: where the request goes from here."""
        ways = [target.uri if target.hop is None else f"{target.uri} by {target.hop}" for target in targets]
        words = f"Goes to {', '.join(ways)}" if ways else "Goes nowhere"
        self.tracer.note(words, "green" if ways else "red", incoming.request)

    def tell_bindings(self, incoming: Incoming, outcome: Outcome) -> None:
        """For those who watch: what a REGISTER has changed."""
        if outcome.status >= 300:
            return incoming.explain(f"Not registered ({outcome.reason})", "red")
        changes = ", ".join(f"{kind} {binding.contact}" for kind, binding in outcome.changes)
        return incoming.explain(f"Registered: {changes}" if changes else "Told its bindings", "green")

    def rtp_proxy(self, incoming: Incoming, targets: list[Target]) -> bool:
        """Has the sound of a call relayed that needs it; False when the request was refused because nobody
        can."""
        return self.media is None or self.media.relay(incoming, targets)
