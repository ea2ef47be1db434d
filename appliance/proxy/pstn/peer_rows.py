"""What the proxy knows of gateways and peers from the tables: the shape of their rows, as ``storage`` reads
them.

Protocols only. Must not know SQL, nor what is decided by a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class GatewayRow(Protocol):
    """A row of ``gw``: ``host`` is an IP literal, ``port`` 0 the usual one, ``transport`` "" any."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def group(self) -> int: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def transport(self) -> str: ...
    @property
    def strip(self) -> int: ...
    @property
    def prefix(self) -> str: ...
    @property
    def hostname(self) -> str: ...


class RouteRow(Protocol):
    """A row of ``lcr``: numbers that begin with ``prefix``, from callers whom ``from_uri`` fits ("" all)."""

    @property
    def prefix(self) -> str: ...
    @property
    def from_uri(self) -> str: ...
    @property
    def group(self) -> int: ...
    @property
    def priority(self) -> int: ...


class TrustedRow(Protocol):
    """A row of ``trusted``: ``proto`` is ``any`` or a transport, ``pattern`` "" any From."""

    @property
    def host(self) -> str: ...
    @property
    def proto(self) -> str: ...
    @property
    def pattern(self) -> str: ...
    @property
    def tag(self) -> str: ...


class AddressRow(Protocol):
    """A row of ``address``: the first ``mask`` bits of ``host``, ``port`` 0 any."""

    @property
    def group(self) -> int: ...
    @property
    def host(self) -> str: ...
    @property
    def mask(self) -> int: ...
    @property
    def port(self) -> int: ...


class PeerRows(Protocol):
    """All of them, as they are now."""

    @property
    def gateways(self) -> Sequence[GatewayRow]: ...
    @property
    def routes(self) -> Sequence[RouteRow]: ...
    @property
    def trusted(self) -> Sequence[TrustedRow]: ...
    @property
    def addresses(self) -> Sequence[AddressRow]: ...
