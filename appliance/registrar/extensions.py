"""What a REGISTER asks for beyond RFC 3261: Path (RFC 3327), flows (RFC 5626), Service-Route (RFC 3608).

Whose Path is believed: a phone proves who it is, so its Path can lead nobody's calls astray but its own, as
its Contact can. A Path that an unknown proxy has put in is seen by the phone in the 200, if it understands
Path; so without ``Supported: path`` it is refused (RFC 3327 §5.3). An edge proxy that is known by its address
(``trusted``, ``address``) may set one for phones that have never heard of it. Must not know bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from appliance.registrar.contact import Contact
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request

OUTBOUND, PATH = "outbound", "path"


class ExtensionSettings(Protocol):
    """``path``: whose is believed, "supported", "trusted" or "off"; ``flow_timer_seconds``: 0 is not told."""

    @property
    def path(self) -> str: ...
    @property
    def outbound(self) -> bool: ...
    @property
    def flow_timer_seconds(self) -> int: ...
    @property
    def service_route(self) -> Sequence[str]: ...


class Refusal(NamedTuple):
    """Why a REGISTER is not done, with a header line that says more, or ""."""

    status: int
    reason: str
    header: str = ""


class Extensions:
    """Judges a REGISTER, and says what its 200 has to say. ``as_openser``: as in 2007, any Path is kept."""

    def __init__(self, settings: ExtensionSettings, *, as_openser: bool = False, gruu: bool = False) -> None:
        self._path = settings.path
        self._as_openser = as_openser
        self._outbound = settings.outbound and not as_openser
        self._flow_timer = settings.flow_timer_seconds
        self._service_route = [f"Service-Route: {route}" for route in settings.service_route]
        supported = {OUTBOUND} if self._outbound else set()
        if as_openser or self._path != "off":
            supported.add(PATH)
        if gruu:
            supported.add("gruu")
        # Extensions that a Require may ask for (§8.2.2.3).
        self.supported = frozenset(supported)

    def refuses_path(self, request: Request, *, edge: bool) -> Refusal | None:
        """Whether the Path of a request is not believed; ``edge``: a proxy that we know has sent it."""
        if self._as_openser:
            return None
        if self._path == "off":
            return Refusal(420, "Bad Extension", "Unsupported: path")
        if edge:
            return None
        if self._path == "trusted":
            return Refusal(403, "Path of an Unknown Proxy")
        return None if says(request, PATH) else Refusal(420, "Bad Extension", "Unsupported: path")

    def refuses_flows(
        self, request: Request, contacts: Sequence[Contact], path: str | None
    ) -> Refusal | None:
        """Whether a request with a reg-id cannot be done as RFC 5626 §6 asks; None where it asks nothing."""
        if not self.is_outbound(request, contacts):
            return None
        if sum(1 for contact in contacts if contact.reg_id is not None and contact.expires != 0) > 1:
            return Refusal(400, "Several Contacts With reg-id")
        if len(request.items("via")) < 2:
            return None  # the phone's own flow has come here
        if path is not None and _first_hop_keeps_flows(request):
            return None
        return Refusal(439, "First Hop Lacks Outbound Support")

    def is_outbound(self, request: Request, contacts: Sequence[Contact]) -> bool:
        """Whether the phone has several flows to us, and says so."""
        return (
            self._outbound
            and any(contact.reg_id is not None for contact in contacts)
            and (says(request, OUTBOUND) or says(request, OUTBOUND, "require"))
        )

    def headers(self, request: Request, contacts: Sequence[Contact], *, reliable: bool) -> list[str]:
        """What the 200 says of all this. ``reliable``: the phone came by a connection; over UDP it knows
        better how soon its NAT forgets it than we do."""
        lines = self._service_route.copy()
        if self.is_outbound(request, contacts):
            lines.append("Require: outbound")
            if self._flow_timer and reliable:
                lines.append(f"Flow-Timer: {self._flow_timer}")
        return lines


def says(request: Request, option: str, key: str = "supported") -> bool:
    """Whether a request has an option tag in that header. Raises MalformedMessage."""
    return request.has(key) and any(each.lower() == option for each in request.items(key))


def _first_hop_keeps_flows(request: Request) -> bool:
    """Whether the proxy next to the phone, whose Path is the last one, knows RFC 5626. Raises
    MalformedMessage."""
    return NameAddr.parse(request.items("path")[-1]).uri.has_param("ob")
