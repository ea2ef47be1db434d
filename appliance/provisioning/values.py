"""Single values of a phone's entry: each function returns what is meant, or says in one line what is wrong.

``what`` names the value as the inventory does. Every text that reaches a template has passed here: it is one
line of printable characters, so nobody's display name can begin a new line or element of a configuration.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.errors import MalformedMessage, PhoneRefused
from appliance.sip.hosts import is_hostname, is_ipv4, is_ipv6_reference, parse_host_port

_MAC_PUNCTUATION = re.compile(r"[:.\-]")
_MAC = re.compile(r"[0-9a-f]{12}")
# RFC 3261 §25.1 user, without escapes and without what a shell, a URL or a vendor's file takes for its own.
_USER = re.compile(r"[A-Za-z0-9_.!~*'()+$/\-]{1,64}")
# What phones let one dial: digits, * and #, a leading +, or the user part of a mailbox.
_DIALLED = re.compile(r"[A-Za-z0-9_.+*#\-]{1,64}")


def mac_address(text: object) -> str:
    """``00:0B:82-12.34.56`` in any of the usual notations -> twelve hexadecimal digits in lower case."""
    if not isinstance(text, str):
        # YAML reads 00:15:65 without quotes as a number to the base of 60, and 000413123456 as a decimal one.
        raise PhoneRefused(f'mac: {text!r} is no text; write it in quotes, as in "00:0b:82:12:34:56"')
    digits = _MAC_PUNCTUATION.sub("", text.strip()).lower()
    if not _MAC.fullmatch(digits):
        raise PhoneRefused(f"mac: {text[:40]!r} is no MAC address such as 00:0b:82:12:34:56")
    if int(digits[:2], 16) & 1 or digits == "0" * 12:
        raise PhoneRefused(f"mac: {text[:40]!r} is an address of no single phone")
    return digits


def printable(text: object, what: str, longest: int = 128) -> str:
    """One line of printable characters, at most ``longest`` of them; a number becomes its digits."""
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        raise PhoneRefused(f"{what}: {text!r} is no text")
    text = text.strip(" ")
    if not text.isprintable():
        raise PhoneRefused(f"{what}: {text[:40]!r} has a character that cannot be printed")
    if len(text) > longest:
        raise PhoneRefused(f"{what}: {text[:40]!r}… is longer than {longest} characters")
    return text


def secret(text: object, what: str) -> str:
    """A password, which no error message repeats; blanks at its ends belong to it."""
    if not isinstance(text, str):
        raise PhoneRefused(f"{what}: is no text; write it in quotes")
    if not text.isprintable() or len(text) > 128:
        raise PhoneRefused(f"{what}: has to be one line of at most 128 printable characters")
    if text != text.strip(" "):
        raise PhoneRefused(f"{what}: begins or ends with a blank, which phones leave out")
    return text


def user_name(text: object, what: str) -> str:
    """The user part of a SIP address."""
    text = printable(text, what)
    if not _USER.fullmatch(text):
        raise PhoneRefused(f"{what}: {text[:40]!r} is no user name of letters, digits and -_.!~*'()+$/")
    return text


def dialled(text: object, what: str) -> str:
    """What a key of the phone dials; "" is nothing."""
    text = printable(text, what)
    if text and not _DIALLED.fullmatch(text):
        raise PhoneRefused(f"{what}: {text[:40]!r} is nothing that a phone can dial")
    return text


def host(text: object, what: str) -> str:
    """A host name, an IPv4 address, or an IPv6 address in square brackets, in lower case."""
    text = printable(text, what, 253).lower().removesuffix(".")
    if not (is_ipv4(text) or is_ipv6_reference(text) or _is_name(text)):
        raise PhoneRefused(f"{what}: {text[:60]!r} is neither a host name nor an address")
    return text


def host_and_port(text: object, what: str) -> tuple[str, int | None]:
    """``HOST`` or ``HOST:PORT``; the port is None when none is named."""
    text = printable(text, what, 260)
    try:
        name, port = parse_host_port(text)
    except MalformedMessage:
        raise PhoneRefused(f"{what}: {text[:60]!r} has to be HOST or HOST:PORT") from None
    return host(name, what), port


def choice(text: object, what: str, allowed: Sequence[str]) -> str:
    """One of ``allowed``, in any case."""
    word = printable(text, what).lower()
    if word not in allowed:
        raise PhoneRefused(f"{what}: {word[:40]!r} is none of {', '.join(allowed)}")
    return word


def whole_number(value: object, what: str, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``, also when it is written as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise PhoneRefused(f"{what}: {value!r} is no whole number from {least} to {most}")
    return value


def web_address(text: object, what: str) -> str:
    """An http or https URL of printable ASCII without blanks and quotes; "" is none."""
    text = printable(text, what, 500)
    if text and not re.fullmatch(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%\-]+", text):
        raise PhoneRefused(f"{what}: {text[:60]!r} is no http:// or https:// URL")
    return text


def _is_name(text: str) -> bool:
    return is_hostname(text) and not text.rpartition(".")[2].isdigit()
