"""Which names are ours: 'do we serve this domain?' and 'is this address me?' are two questions.

A domain (in From, To and an address of record) is a name without a port. A Request-URI or Route is *me* only
when its port is one of mine too: on one machine the phones share the proxy's address, and a call to
``sip:11@127.0.0.1:5999`` is for the phone there. The realm is the domain's own and never a name that the
caller chose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord, Uri


class Domains:
    """The served domains: those of the settings, and the rows of the table ``domain``.

    ``rows()`` maps the lower-case names in the table to the realm of each; it is asked every time and must be
    quick. ``listeners`` are (transport, host, port) of our sockets, ``aliases`` further ``host`` or
    ``host:port`` names of this very server.
    """

    def __init__(
        self,
        names: Iterable[str],
        aliases: Iterable[str],
        listeners: Sequence[tuple[str, str, int]],
        rows: Callable[[], Mapping[str, str]] = dict,
        *,
        case_sensitive: bool = True,
    ) -> None:
        self._case_sensitive = case_sensitive
        self._names = {name.lower(): name for name in names}
        self._rows = rows
        self._read: Mapping[str, str] | None = None
        self._realms: dict[str, str] = {}
        self._listener_names = [str(Hop(transport, host, port)) for transport, host, port in listeners]
        self._ports = {port for _, _, port in listeners}
        self._ports_at: dict[str, set[int]] = {}
        for _, host, port in listeners:
            self._ports_at.setdefault(_bracketed(host), set()).add(port)
        for alias in aliases:
            host, _, port_text = (
                alias.rpartition(":") if alias.rpartition(":")[2].isdigit() else (alias, "", "")
            )
            ports = {int(port_text)} if port_text else self._ports
            self._ports_at.setdefault(_bracketed(host.lower()), set()).update(ports)

    def serves(self, host: str) -> bool:
        """Whether ``host`` (lower-case, IPv6 in brackets) is the domain of our users."""
        rows = self._rows()
        return host in (self._realms if rows is self._read else self._served())

    def is_me(self, uri: Uri) -> bool:
        """Whether a request to this URI has arrived (RFC 3261 §16.4, §16.5), host and port compared."""
        host, port = uri.host, uri.port
        here = self._ports_at.get(host)
        if here is not None:
            return port in here if port is not None else 5060 in here or self.serves(host)
        return self.serves(host) and (port is None or port in self._ports)

    def listener_name(self, hop: Hop) -> str:
        """The socket of ours that a message came in by, as the column ``socket`` has it."""
        return self._listener_names[hop.listener]

    def realm(self, host: str) -> str | None:
        """The realm of a served domain, None for any other."""
        rows = self._rows()
        return (self._realms if rows is self._read else self._served()).get(host)

    def aor(self, uri: Uri) -> AddressOfRecord:
        """Whose address a URI is (RFC 3261 §10.3 step 5); our own address, without a domain, means the first
        domain."""
        username, host = uri.aor
        if not self._case_sensitive:
            username = username.lower()
        return AddressOfRecord(username, host if self.serves(host) else self.first() or host)

    def realms(self) -> Collection[str]:
        """All realms that we challenge with."""
        return self._served().values()

    def first(self) -> str | None:
        """The domain that stands for the server itself."""
        return next(iter(self._served()), None)

    def only(self) -> str | None:
        """The served domain when there is exactly one: rows without a domain mean that one."""
        served = self._served()
        return next(iter(served)) if len(served) == 1 else None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._served()))

    def _served(self) -> dict[str, str]:
        """Every served name and its realm; put together anew when the rows have been read again."""
        rows = self._rows()
        if rows is not self._read:
            self._read = rows
            self._realms = {**self._names, **rows}
        return self._realms


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
