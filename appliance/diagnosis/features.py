"""What the settings switch on or off, and hardly breaks: forwarding, messages, presence, phones, peers."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.config import Settings
from appliance.config.listener import Listener, split_address
from appliance.diagnosis.dns import answers
from appliance.diagnosis.finding import Finding, count, few, span
from appliance.diagnosis.surroundings import Surroundings

_SECONDS = 2.0
_DIGITS = {"redirect": "speed dials by 302", "relay": "speed dials", "off": "no speed dials"}


def protocol(settings: Settings) -> Finding:
    """How messages are treated."""
    sip, limits = settings.sip, settings.limits
    least = sip.min_session_seconds
    timers = f"session timers of {least} s or more" if least else "any session timer"
    private = "" if sip.send_to_private else "; nothing is sent into private networks"
    size = f"up to {limits.message_bytes} bytes, {sip.max_forwards} hops"
    return Finding("ok", f"profile {sip.profile}, {size}, {timers}{private}")


def forwarding(settings: Settings) -> Finding:
    """Calls that go elsewhere."""
    wanted = settings.forwarding
    digits = _DIGITS[wanted.speed_dial]
    if not wanted.most:
        return Finding("off", f"nobody forwards calls (forwarding.most); {digits}")
    mailbox = f"voicemail at {wanted.voicemail}" if wanted.voicemail else "no voicemail"
    return Finding("ok", f"on: up to {count(wanted.most, 'time')}; {mailbox}; {digits}")


def messages(settings: Settings) -> Finding:
    """Text for users who are away."""
    wanted = settings.messages
    if not wanted.kept:
        return Finding("off", "no text is kept for users who are away (messages.kept)")
    return Finding("ok", f"on: {wanted.kept} for a user who is away, for {span(wanted.kept_seconds)}")


def presence(settings: Settings) -> Finding:
    """Who is asked about presence."""
    wanted = settings.presence
    if not wanted.server:
        return Finding("off", "no presence server (presence.server): the users' own phones are asked")
    return Finding("ok", f"on: {wanted.server} is asked for {few(list(wanted.packages))}")


def numbers(settings: Settings, answered: Mapping[str, bool]) -> Finding:
    """Numbers that have a SIP address in the DNS; ``answered`` says of its own name servers whether they
    do."""
    wanted = settings.enum
    if not wanted.suffix:
        return Finding("off", "no number is looked up in the DNS (enum.suffix)")
    silent = [server for server, did in answered.items() if not did]
    if silent:
        what = f"{few(silent)} does not answer: calls to numbers wait for {wanted.seconds:g} s"
        todo = f"See the way there: ping -c 3 {silent[0].split()[0]}; if it answers, name another server in"
        return Finding("wrong", what, f"{todo} enum.name_servers.")
    asked = few(list(answered)) or "the machine's own name servers"
    return Finding("ok", f"on: under {wanted.suffix}, {asked} are asked")


def prefixes(rows: Sequence[Mapping[str, Any]]) -> Finding:
    """Prefixes of other sites, rows of ``pdt``."""
    if not rows:
        return Finding("off", "no prefix leads to another site")
    return Finding("ok", f"on: {count(len(rows), 'prefix', 'prefixes')} of other sites")


def trusted(
    peers: Sequence[Mapping[str, Any]], addresses: Sequence[Mapping[str, Any]], group: int
) -> Finding:
    """Who need not prove who he is; ``group`` of the addresses counts, 0: none."""
    networks = [each for each in addresses if group and each["group"] == group]
    if not peers and not networks:
        return Finding("off", "nobody: everybody but gateways proves who he is")
    told = f"{count(len(peers), 'peer')} and {count(len(networks), 'address', 'addresses')}"
    return Finding("ok", f"on: {told} need no password")


def destinations(failed: Sequence[Mapping[str, Any]], settings: Settings) -> Finding:
    """Addresses of others at which nobody answers; theirs to mend."""
    if not settings.sip.failed_destination_seconds:
        return Finding("off", "addresses that fail are not remembered (sip.failed_destination_seconds)")
    if not failed:
        return Finding("ok", "on: none has failed lately")
    names = few([str(Listener(each["transport"], each["host"], each["port"])) for each in failed])
    return Finding("ok", f"on: {names} did not answer, and comes last")


def phones(settings: Settings, trouble: str, restart: str) -> Finding:
    """The phones' configurations; ``trouble`` is why nobody answers there, "" when somebody does."""
    wanted = settings.phones
    if not wanted.http:
        return Finding("off", "no phone gets its configuration here (phones.http)")
    scheme = "https" if wanted.certificate else "http"
    if trouble:
        what = f"no configurations at {scheme}://{wanted.http}: {trouble}"
        return Finding("wrong", what, f"Start the agent: {restart}; then: sipbox diagnose agent phones.")
    pnp = ", and by multicast" if wanted.pnp else ""
    return Finding("ok", f"on: configurations at {scheme}://{wanted.http}{pnp}")


def look_at_protocol(around: Surroundings) -> Finding:
    return protocol(around.need("sip", "limits"))


def look_at_forwarding(around: Surroundings) -> Finding:
    return forwarding(around.need("forwarding"))


def look_at_messages(around: Surroundings) -> Finding:
    return messages(around.need("messages"))


def look_at_presence(around: Surroundings) -> Finding:
    return presence(around.need("presence"))


def look_at_numbers(around: Surroundings) -> Finding:
    settings = around.need("enum")
    asked = settings.enum.addresses if settings.enum.suffix else []
    return numbers(settings, {f"{host} port {port}": answers(host, port) for host, port in asked})


def look_at_prefixes(around: Surroundings) -> Finding:
    return prefixes(around.ask("prefixes"))


def look_at_trusted(around: Surroundings) -> Finding:
    group = around.need("gateway").gateway.address_group
    return trusted(around.ask("trusted"), around.ask("addresses"), group)


def look_at_destinations(around: Surroundings) -> Finding:
    return destinations(around.ask("failed_destinations"), around.need("sip"))


def look_at_phones(around: Surroundings) -> Finding:
    settings = around.need("phones")
    trouble = ""
    if settings.phones.http:
        try:
            socket.create_connection(split_address(settings.phones.http), _SECONDS).close()
        except OSError as error:
            trouble = error.strerror or str(error)
    return phones(settings, trouble, "systemctl restart sipbox-agent" if around.systemd else "sipbox agent")
