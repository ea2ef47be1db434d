"""Bencode (BEP 3), the notation of rtpengine's ng protocol: integers, byte strings, lists, dictionaries.

``encode`` takes text as UTF-8 with ``surrogateescape``, the form that messages have inside the program;
``decode`` gives byte strings, and dictionaries with text as keys. Must not know what is said with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What rtpengine answers is four levels deep; beyond this it is somebody who wants our stack.
_DEPTH = 32
_DIGITS = frozenset(b"0123456789")


class BadBencode(ValueError):
    """The bytes are no bencode; the text says why and where."""


def encode(value: object) -> bytes:
    """``value`` as bencode; TypeError when it holds what bencode has no form for."""
    pieces: list[bytes] = []
    _encode(value, pieces)
    return b"".join(pieces)


def decode(data: bytes) -> Any:
    """The one value that ``data`` is, with nothing after it; raises BadBencode."""
    value, end = _decode(data, 0, _DEPTH)
    if end != len(data):
        raise BadBencode(f"{len(data) - end} bytes after the end")
    return value


def _encode(value: object, pieces: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        pieces += (b"%d:" % len(value), value)
    elif isinstance(value, int) and not isinstance(value, bool):
        pieces.append(b"i%de" % value)
    elif isinstance(value, Mapping):
        pieces.append(b"d")
        for key in sorted(value):
            _encode(key, pieces)
            _encode(value[key], pieces)
        pieces.append(b"e")
    elif isinstance(value, Sequence):
        pieces.append(b"l")
        for item in value:
            _encode(item, pieces)
        pieces.append(b"e")
    else:
        raise TypeError(f"no bencode for {type(value).__name__}")


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins at ``at``, and where it ends."""
    if not depth:
        raise BadBencode(f"nested deeper than {_DEPTH} at {at}")
    kind = data[at : at + 1]
    if kind == b"i":
        end = _find(data, b"e", at)
        return _number(data[at + 1 : end], at), end + 1
    if kind == b"l":
        items: list[Any] = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = _decode(data, at, depth - 1)
            items.append(item)
        return items, at + 1
    if kind == b"d":
        pairs: dict[str, Any] = {}
        at += 1
        while data[at : at + 1] != b"e":
            key, at = _string(data, at)
            pairs[key.decode("utf-8", "surrogateescape")], at = _decode(data, at, depth - 1)
        return pairs, at + 1
    return _string(data, at)


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    colon = _find(data, b":", at)
    digits = data[at:colon]
    if not digits or not _DIGITS.issuperset(digits):
        raise BadBencode(f"no value at {at}")
    start = colon + 1
    end = start + _number(digits, at)
    if end > len(data):
        raise BadBencode(f"a string that ends beyond the data at {at}")
    return data[start:end], end


def _find(data: bytes, mark: bytes, at: int) -> int:
    # No number is longer than this, so what is garbage is not searched to its end again and again.
    end = data.find(mark, at, at + 24)
    if end < 0:
        raise BadBencode(f"no value at {at}")
    return end


def _number(text: bytes, at: int) -> int:
    digits = text[1:] if text[:1] == b"-" else text
    if not digits or not _DIGITS.issuperset(digits):
        raise BadBencode(f"no number at {at}")
    return int(text)
