"""What ``%HH`` means within a URI, and how it is written (RFC 3261 §19.1.2, §25.1 escaped)."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})++")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")
_USER_UNRESERVED = _UNRESERVED | frozenset("&=+$,;?/")


def unescape(text: str) -> str:
    """Replace %-escapes by what they mean.

    Escapes of control characters, and of bytes that are no UTF-8, stay as they are: no name of a user holds
    them, and a line end that comes out of an escape would break the header that it is put into.
    """

    def decoded(match: re.Match[str]) -> str:
        try:
            plain = bytes.fromhex(match[0].replace("%", "")).decode()
        except UnicodeDecodeError:
            return match[0].upper()
        return plain if plain.isprintable() else match[0].upper()

    return _ESCAPES.sub(decoded, text)


def escape_user(text: str) -> str:
    """A user part that means ``text``: what §25.1 lets stand plain stays, all else becomes %HH."""
    return "".join(character if character in _USER_UNRESERVED else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def normalize_escapes(text: str) -> str:
    """One writing for equal texts: escapes of unreserved characters resolved, all others in capitals."""
    if "%" not in text:
        return text

    def normal(match: re.Match[str]) -> str:
        return "".join(
            character if (character := chr(int(code, 16))) in _UNRESERVED else f"%{code.upper()}"
            for code in match[0][1:].split("%")
        )

    return _ESCAPES.sub(normal, text)
