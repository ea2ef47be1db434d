"""Calls, and what else users send: ``[gateway]``, ``[forwarding]``, ``[messages]``, ``[presence]``,
``[enum]`` and ``[media]``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from appliance.config.listener import split_address, split_name_server
from appliance.config.sections.section import Milliseconds, Seconds, Section


class GatewaySettings(Section, frozen=True, kw_only=True):
    """``[gateway]``: calls to the telephone network; the gateways themselves are rows of ``gw``."""

    #: PREFIX=GROUP, NUMBER$=GROUP for one number as a whole: who may call it; no GROUP: everybody here.
    permissions: tuple[str, ...] = ("+=int", "00=int", "0=ld", "=local", "112$=", "911$=")
    least_digits: Annotated[int, Meta(ge=1, le=30)] = 3  # fewer are an extension
    most_digits: Annotated[int, Meta(ge=1, le=30)] = 18
    credentials_file: str = ""  # our passwords at gateways that ask for one, by realm; "": none
    identity: Literal["both", "pai", "rpid", "none"] = "both"  # which header tells a gateway who is calling
    next_on: tuple[Annotated[int, Meta(ge=400, le=599)], ...] = (500, 502, 503, 504)  # the next one is tried
    answer_seconds: Annotated[int, Meta(ge=1, le=32)] = 4  # of silence, and the next one is tried
    rest_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60  # one that failed is tried last
    address_group: Annotated[int, Meta(ge=0, le=65_535)] = 1  # rows of `address` that are trusted; 0: none


class ForwardingSettings(Section, frozen=True, kw_only=True):
    """``[forwarding]``: calls that our users have forwarded; who does so are rows of ``usr_preferences``."""

    most: Annotated[int, Meta(ge=0, le=20)] = 5  # how often a call is forwarded; 0: nobody forwards
    voicemail: str = ""  # the SIP URI of the mailboxes, {user} in it is whose; "": there are none
    on_failure: Literal["relay", "redirect"] = "relay"  # busy, no answer: it goes on from here, or 302
    speed_dial: Literal["redirect", "relay", "off"] = "redirect"  # two digits: 302, or the call goes there


class MessageSettings(Section, frozen=True, kw_only=True):
    """``[messages]``: what is sent to users who are away."""

    kept: Annotated[int, Meta(ge=0, le=10_000)] = 20  # for one user, until he registers; 0: none
    kept_seconds: Seconds = 259_200


class PresenceSettings(Section, frozen=True, kw_only=True):
    """``[presence]``: who is asked about presence, busy lamps and waiting messages."""

    server: str = ""  # HOST or HOST:PORT, perhaps with ;transport=tcp; "": the user's own phones
    packages: tuple[str, ...] = ("presence", "presence.winfo", "dialog", "message-summary")


class EnumSettings(Section, frozen=True, kw_only=True):
    """``[enum]``: telephone numbers that have a SIP address in the DNS (RFC 6116). Off without a suffix."""

    suffix: str = ""  # as in "e164.arpa"
    name_servers: tuple[str, ...] = ()  # ADDRESS or ADDRESS:PORT; none: those of /etc/resolv.conf
    seconds: Annotated[float, Meta(ge=0.1, le=10)] = 2.0  # a call waits so long for all of them

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """``name_servers`` as values: addresses without brackets, and ports."""
        return [split_name_server(text) for text in self.name_servers]


class MediaSettings(Section, frozen=True, kw_only=True):
    """``[media]``: whose sound is relayed by rtpengine, and which ones there are."""

    mode: Literal["never", "nated", "always"] = "never"  # nated: calls with a party behind a NAT
    nodes: tuple[str, ...] = ("127.0.0.1:2223",)  # HOST:PORT of their ng protocol
    when_away: Literal["refuse", "pass"] = "refuse"  # no node answers: 503, or the call is not relayed
    timeout_ms: Milliseconds = 1000  # so long one node is waited for
    ping_seconds: Annotated[int, Meta(ge=1, le=3600)] = 5
    inside_networks: tuple[str, ...] = ()  # who is reached by the first of two interfaces
    interfaces: tuple[str, str] = ("inside", "outside")  # their names in rtpengine's own settings

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """``nodes`` as values: addresses without brackets, and ports."""
        return [split_address(text) for text in self.nodes]
