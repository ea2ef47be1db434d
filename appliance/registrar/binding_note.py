"""A binding as plain values, for other processes and other nodes.

Text from the wire may hold bytes that are no UTF-8, so it travels as bytes. Must not know how a note travels.
"""

from __future__ import annotations

from typing import Any, Final

from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

#: Where the deadline stands in a note; it is monotonic seconds, which no other machine knows.
DEADLINE: Final = 3


def note_of(binding: Binding) -> list[Any]:
    """A binding as plain values."""
    return [
        _bytes(binding.aor.username),
        _bytes(binding.aor.domain),
        _bytes(binding.contact),
        binding.deadline,
        _bytes(binding.call_id),
        binding.cseq,
        binding.q,
        _bytes(binding.user_agent),
        _bytes(binding.received),
        _bytes(binding.path),
        binding.socket,
        binding.hop,
        binding.methods,
        _bytes(binding.instance),
        binding.reg_id,
        binding.flags,
        binding.cflags,
        binding.ruid,
        binding.modified,
    ]


def binding_of(note: list[Any]) -> Binding:
    """The binding again; raises TypeError or ValueError for a note that is none."""
    (
        username,
        domain,
        contact,
        deadline,
        call_id,
        cseq,
        q,
        user_agent,
        received,
        path,
        socket,
        hop,
        methods,
        instance,
        reg_id,
        flags,
        cflags,
        ruid,
        modified,
    ) = note
    return Binding(
        AddressOfRecord(_text(username) or "", _text(domain) or ""),
        _text(contact) or "",
        deadline,
        _text(call_id) or "",
        cseq,
        q,
        _text(user_agent) or "",
        _text(received),
        _text(path),
        socket,
        None if hop is None else Hop(*hop),
        methods,
        _text(instance),
        reg_id,
        flags,
        cflags,
        ruid,
        modified,
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "surrogateescape")
