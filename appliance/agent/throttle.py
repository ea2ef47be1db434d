"""How often one address may ask: a bucket of tokens for each, which fills again as time goes by.

Bounded: of the addresses beyond ``addresses`` the one that was quiet longest is forgotten, which gives it a
full bucket. An IPv6 network of 64 bits counts as one address, because one machine has all of it. Time is an
argument. Must not know what is asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address


class Throttle:
    """``per_minute`` tokens come each minute, and so many are in a full bucket."""

    def __init__(self, per_minute: float, addresses: int = 4096) -> None:
        self._full = float(per_minute)
        self._per_second = per_minute / 60
        self._most = addresses
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, when they were counted

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._buckets)

    def take(self, address: str, now: float) -> bool:
        """Take one token; False, and none is taken, when there is not even one."""
        allowed = self._left(address, now) >= 1
        self.charge(address, now, 1.0 if allowed else 0.0)
        return allowed

    def charge(self, address: str, now: float, tokens: float) -> None:
        """Take ``tokens``, below zero if need be: what was allowed turns out to cost more."""
        left = self._left(address, now)
        key = _network(address)
        self._buckets[key] = (left - tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def _left(self, address: str, now: float) -> float:
        left, counted = self._buckets.get(_network(address), (self._full, now))
        return min(self._full, left + (now - counted) * self._per_second)

    def wait(self, address: str, now: float) -> float:
        """Seconds until it may ask again."""
        return max(0.0, (1 - self._left(address, now)) / self._per_second)


def plain_address(text: str) -> str:
    """The peer's address as it is: IPv4 without the form that it has on a socket of IPv6."""
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return str(mapped or ip)


def _network(address: str) -> str:
    plain = plain_address(address)
    if ":" not in plain:
        return plain
    return str(IPv6Address(int(IPv6Address(plain)) >> 64 << 64))
