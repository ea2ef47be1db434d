"""What a REGISTER changes: the rules of RFC 3261 §10.3 steps 6 and 7, as a function of what is bound now.

Nothing is changed here. The outcome is a plan, or the reason why there is none; a plan concerns all Contact
values of the request or none of them. Must not know messages, memory or storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Literal, NamedTuple

from appliance.registrar.binding import Binding, ruid_of
from appliance.registrar.contact import Contact
from appliance.sip.uri import AddressOfRecord, Uri

_NOWHERE = ".invalid"

Kind = Literal["added", "refreshed", "removed"]


class Order(Enum):
    """How a request stands to those before it from the same phone."""

    REPEATED = "repeated"  # the same Call-ID and CSeq were processed already
    LATE = "late"  # a later one was processed already


class Plan(NamedTuple):
    """Bindings to put and to take away, by ruid, and the same as it is told to a journal."""

    puts: dict[str, Binding]
    drops: dict[str, Binding]
    changes: list[tuple[Kind, Binding]]


def plan_removal(current: Sequence[Binding], call_id: str, cseq: int) -> Plan | Order:
    """``Contact: *``: all bindings go, unless the same phone has said something later (§10.3 step 6)."""
    order = _order(current, call_id, cseq)
    if order is not None:
        return order
    return Plan(
        {}, {binding.ruid: binding for binding in current}, [("removed", binding) for binding in current]
    )


def plan_contacts(
    contacts: Iterable[Contact],
    granted: Iterable[int],
    current: Sequence[Binding],
    aor: AddressOfRecord,
    call_id: str,
    cseq: int,
    make: Callable[[Contact, int, str], Binding],
) -> Plan | Order:
    """Each contact in its turn (§10.3 step 7); ``granted`` are the seconds for each, 0 takes it away.

    ``current`` are the living bindings of ``aor``; ``make(contact, seconds, ruid)`` builds one to be put. Of
    two values for one binding the later one counts.
    """
    plan = Plan({}, {}, [])
    puts, drops, changes = plan
    order: Order | None = None
    for contact, seconds in zip(contacts, granted, strict=True):
        ruid, found = _find(current, aor, contact)
        if found is not None and found.call_id == call_id and cseq <= found.cseq:
            if cseq < found.cseq:
                return Order.LATE
            order = Order.REPEATED
            continue
        if seconds:
            if found is not None and found.ruid != ruid:
                drops[found.ruid] = found
            puts[ruid] = binding = make(contact, seconds, ruid)
            drops.pop(ruid, None)
            changes.append(("added" if found is None else "refreshed", binding))
            if contact.instance is not None and found is None:
                _drop_former(current, contact, call_id, plan)
        elif found is not None:
            puts.pop(ruid, None)
            drops[found.ruid] = found
            changes.append(("removed", found))
        else:
            puts.pop(ruid, None)
    if order is not None:
        return order
    return Plan(puts, drops, _last_of_each(changes, plan))


def is_same(binding: Binding, contact: Contact) -> bool:
    """Whether a contact is written as a binding has it, so that it needs no comparison of URIs."""
    if binding.contact != contact.uri or binding.reg_id != contact.reg_id:
        return False
    return contact.reg_id is None or binding.instance == contact.instance


def _order(bindings: Iterable[Binding], call_id: str, cseq: int) -> Order | None:
    order = None
    for binding in bindings:
        if binding.call_id == call_id and cseq <= binding.cseq:
            if cseq < binding.cseq:
                return Order.LATE
            order = Order.REPEATED
    return order


def _find(current: Sequence[Binding], aor: AddressOfRecord, contact: Contact) -> tuple[str, Binding | None]:
    """The ruid of a contact, and the binding that it is about.

    The usual phone writes the same as an hour ago, which needs no hash. Otherwise a binding is the contact's
    when it has its ruid (the same flow of RFC 5626 §6, or a contact that differs in writing only), or else
    when the URIs are equal by §19.1.4 and the two are not different flows of one phone.
    """
    uri, _, _, instance, reg_id = contact
    for binding in current:
        if is_same(binding, contact):
            return binding.ruid, binding
    ruid = ruid_of(aor, uri, instance, reg_id)
    if not current:
        return ruid, None
    for binding in current:
        if binding.ruid == ruid:
            return ruid, binding
    parsed = Uri.parse(uri)
    for binding in current:
        if (reg_id is None or binding.reg_id is None) and parsed.equals(Uri.parse(binding.contact)):
            return ruid, binding
    return ruid, None


def _drop_former(current: Iterable[Binding], contact: Contact, call_id: str, plan: Plan) -> None:
    """A phone that started again (§10.2.4: a new Call-ID) with another port has left a dead binding behind.

    ``+sip.instance`` tells that it is the same one. A binding by another address or transport stays: a phone
    may well have two of them. A browser has no address, and writes another name each time (RFC 7118 §5).
    """
    if contact.reg_id is not None:
        return
    new = Uri.parse(contact.uri)
    for binding in current:
        if (
            binding.instance == contact.instance
            and binding.reg_id is None
            and binding.call_id != call_id
            and binding.ruid not in plan.puts
            and binding.ruid not in plan.drops
        ):
            old = Uri.parse(binding.contact)
            if (old.transport, old.user) != (new.transport, new.user):
                continue
            if old.host == new.host or (old.host.endswith(_NOWHERE) and new.host.endswith(_NOWHERE)):
                plan.drops[binding.ruid] = binding
                plan.changes.append(("removed", binding))


def _last_of_each(changes: list[tuple[Kind, Binding]], plan: Plan) -> list[tuple[Kind, Binding]]:
    """What is true in the end, when a request speaks of one binding twice."""
    return [
        (kind, binding)
        for kind, binding in changes
        if (plan.drops if kind == "removed" else plan.puts).get(binding.ruid) is binding
    ]
