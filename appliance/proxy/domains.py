"""Which names are ours: 'do we serve this domain?' and 'is this address me?' are two questions.

A domain (in From, To and an address of record) is a name without a port. A Request-URI or Route is *me* only
when its port is one of mine too: on one machine the phones share the proxy's address, and a call to
``sip:11@127.0.0.1:5999`` is for the phone there. The realm is the domain's own and never a name that the
caller chose. A domain may have many names; an address of record has the canonical one always, so that whoever
registers by one name is called by every other.
"""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, Sequence

from appliance.config import NamedDomain
from appliance.registrar.served import ServedDomain, gather
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord, Uri


class Domains:
    """The served domains, as ``take`` was told last; ``names`` are served until then.

    ``listeners`` are (transport, host, port) of our sockets, ``aliases`` further ``host`` or ``host:port``
    names of this very server. Every question is one look into a dictionary.
    """

    def __init__(
        self,
        names: Iterable[str],
        aliases: Iterable[str],
        listeners: Sequence[tuple[str, str, int]],
        *,
        case_sensitive: bool = True,
    ) -> None:
        self._case_sensitive = case_sensitive
        self._by_host: Mapping[str, ServedDomain] = {}
        self._realms: frozenset[str] = frozenset()
        self._first: str | None = None
        self.complete = True
        self.take(gather([NamedDomain(name) for name in names], (), ()))
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

    def take(self, by_host: Mapping[str, ServedDomain], complete: bool = True) -> None:
        """From now on these are served: every name of a host, in lower case, and its domain.

        ``complete`` False: there may be more, which nobody could read yet.
        """
        self._by_host = by_host
        self.complete = complete
        self._realms = frozenset(domain.realm for domain in by_host.values())
        self._first = next((domain.name for domain in by_host.values()), None)

    def serves(self, host: str) -> bool:
        """Whether ``host`` (lower-case, IPv6 in brackets) is a name of a domain of our users."""
        return host in self._by_host

    def find(self, host: str) -> ServedDomain | None:
        """The domain that ``host`` is a name of, with its attributes; None when it is not served."""
        return self._by_host.get(host)

    def items(self) -> ItemsView[str, ServedDomain]:
        """Every name of a host, in lower case, and its domain."""
        return self._by_host.items()

    def is_me(self, uri: Uri) -> bool:
        """Whether a request to this URI has arrived (RFC 3261 §16.4, §16.5), host and port compared."""
        host, port = uri.host, uri.port
        here = self._ports_at.get(host)
        if here is not None:
            if port is None:
                usual = 5061 if uri.scheme == "sips" or uri.transport == "tls" else 5060
                return usual in here or host in self._by_host
            return port in here
        return host in self._by_host and (port is None or port in self._ports)

    def listener_name(self, hop: Hop) -> str:
        """The socket of ours that a message came in by, as the column ``socket`` has it."""
        return self._listener_names[hop.listener]

    def realm(self, host: str) -> str | None:
        """The realm of a served domain, None for any other."""
        domain = self._by_host.get(host)
        return None if domain is None else domain.realm

    def canonical(self, host: str) -> str:
        """The one name of the domain that ``host`` is a name of; itself when it is not served."""
        domain = self._by_host.get(host)
        return host if domain is None else domain.name

    def aor(self, uri: Uri) -> AddressOfRecord:
        """Whose address a URI is (RFC 3261 §10.3 step 5), with the canonical name of the domain; our own
        address, without a domain, means the first domain."""
        username, host = uri.username, uri.host
        if not self._case_sensitive:
            username = username.lower()
        domain = self._by_host.get(host)
        return AddressOfRecord(username, (self._first or host) if domain is None else domain.name)

    def realms(self) -> Collection[str]:
        """All realms that we challenge with."""
        return self._realms

    def first(self) -> str | None:
        """The domain that stands for the server itself."""
        return self._first

    def only(self) -> str | None:
        """The served domain when there is exactly one: rows without a domain mean that one."""
        names = {domain.name for domain in self._by_host.values()}
        return self._first if len(names) == 1 else None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._by_host))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
