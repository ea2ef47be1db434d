"""What has to change so that subscribers are as a file wants them: a comparison, without a database.

The file speaks of what it names: a field that an entry does not have stays as it is in the row. Who was made
or taken over by a file is marked (``managed_by``), and only those go when a later file no longer has them.
Must not know SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from appliance.auth.digest import stored_hashes
from appliance.errors import StorageError
from appliance.sip.uri import AddressOfRecord

APPLY = "apply"  # the mark
#: Columns that an entry may give, and how they are called in a difference.
PROFILE = {"first_name": "first name", "last_name": "last name", "email_address": "e-mail"}
CREDENTIALS = ("ha1", "ha1b", "ha1_sha256", "ha1_sha512_256", "password")
_SHA = ("ha1_sha256", "ha1_sha512_256")


@dataclass(frozen=True)
class Wanted:
    """A subscriber as the file wants him; None: the file does not say.

    ``place`` is where the entry stands, for error texts. ``ha1`` is given in place of a password;
    ``hashes`` are then those of further columns.
    """

    who: AddressOfRecord
    place: str
    password: str | None = None
    ha1: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    profile: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[AddressOfRecord, ...] | None = None
    permissions: tuple[str, ...] | None = None
    absent: bool = False


class Kept(NamedTuple):
    """A subscriber as the database has him."""

    who: AddressOfRecord
    row: Mapping[str, Any]
    aliases: frozenset[AddressOfRecord]
    permissions: frozenset[str]


@dataclass
class Plan:
    """What is to be done; ``lines`` say it for people, without secrets."""

    added: list[AddressOfRecord] = field(default_factory=list)
    changed: list[AddressOfRecord] = field(default_factory=list)
    removed: list[AddressOfRecord] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    aliases_gone: list[AddressOfRecord] = field(default_factory=list)
    aliases_new: list[tuple[AddressOfRecord, AddressOfRecord]] = field(default_factory=list)
    permissions_gone: list[tuple[AddressOfRecord, str]] = field(default_factory=list)
    permissions_new: list[tuple[AddressOfRecord, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    passwords: dict[AddressOfRecord, str] = field(default_factory=dict, repr=False)  # new ones, in clear

    @property
    def changes(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class Refused(StorageError):
    """An entry that cannot be; ``place: what is wrong; what to do``."""

    def __init__(self, wanted: Wanted, problem: str) -> None:
        super().__init__(f"{wanted.place}: {wanted.who}: {problem}")


def plan(
    wanted: Sequence[Wanted],
    kept: Iterable[Kept],
    alias_owner: Mapping[AddressOfRecord, AddressOfRecord],
    realm: Callable[[str], str],
    *,
    remove: bool,
    folded: bool = False,
    mark: str = APPLY,
) -> Plan:
    """What to do. ``kept`` are at least the subscribers of the wanted ones' domains, and all that are marked.

    ``alias_owner`` has every alias of these domains. With ``remove`` marked ones that are not wanted go;
    ``folded``: names that differ in case alone are one. ``mark`` is whose word the rows are from now on; with
    "", they stay whose they are. Raises Refused.
    """
    there = {_key(each.who, folded): each for each in kept}
    named = {_key(each.who, folded) for each in wanted}
    made = Plan()
    leaving: list[Kept] = [
        there[key] for each in wanted if each.absent and (key := _key(each.who, folded)) in there
    ]
    if remove:
        leaving += [
            each for key, each in there.items() if key not in named and each.row["managed_by"] == APPLY
        ]
    staying = [each for each in wanted if not each.absent]
    _check_aliases(staying, leaving, there, alias_owner, folded)
    for each in staying:
        _one(made, each, there.get(_key(each.who, folded)), realm, alias_owner, mark)
    for gone in leaving:
        made.removed.append(gone.who)
        made.lines.append(f"- {gone.who}")
    return made


def _one(
    made: Plan,
    wanted: Wanted,
    now: Kept | None,
    realm: Callable[[str], str],
    alias_owner: Mapping[AddressOfRecord, AddressOfRecord],
    mark: str,
) -> None:
    who = now.who if now else wanted.who
    said = list(_profile(wanted, now))
    row: dict[str, Any] = {
        column: wanted.profile.get(column, now.row[column] if now else "") for column in PROFILE
    }
    credentials = _credentials(wanted, who, now, realm(who.domain))
    if credentials:
        said.append(_word_for(wanted, now))
        if wanted.password is not None:
            made.passwords[who] = wanted.password
    row |= credentials or {column: now.row[column] for column in CREDENTIALS if now}
    has_aliases, has_permissions = (now.aliases, now.permissions) if now else (frozenset(), frozenset())
    gone = sorted(has_aliases - set(wanted.aliases), key=str) if wanted.aliases is not None else []
    new = [alias for alias in wanted.aliases or () if alias not in has_aliases]
    made.aliases_gone += gone + [alias for alias in new if alias in alias_owner]
    made.aliases_new += [(alias, who) for alias in new]
    said += [f"alias {alias}: removed" for alias in gone] + [f"alias {alias}: added" for alias in new]
    gone_groups = sorted(has_permissions - set(wanted.permissions)) if wanted.permissions is not None else []
    new_groups = [group for group in wanted.permissions or () if group not in has_permissions]
    made.permissions_gone += [(who, group) for group in gone_groups]
    made.permissions_new += [(who, group) for group in new_groups]
    said += [f"permission {group}: removed" for group in gone_groups]
    said += [f"permission {group}: added" for group in new_groups]
    managed_by = mark or (now.row["managed_by"] if now else "")
    if now is not None and now.row["managed_by"] != managed_by:
        said.append("kept by the file from now on")
    if now is not None and not said:
        return
    (made.changed if now else made.added).append(who)
    made.rows.append({"username": who.username, "domain": who.domain, "managed_by": managed_by, **row})
    made.lines.append(f"{'~' if now else '+'} {who}: {'; '.join(said)}")


def _profile(wanted: Wanted, now: Kept | None) -> Iterator[str]:
    for column, name in PROFILE.items():
        value = wanted.profile.get(column)
        before = now.row[column] if now else ""
        if value is not None and value != before:
            yield f"{name}: {before!r} -> {value!r}" if now else f"{name}: {value!r}"


def _credentials(wanted: Wanted, who: AddressOfRecord, now: Kept | None, realm: str) -> dict[str, str] | None:
    """The columns to write, or None when what is there will do."""
    if wanted.ha1 is not None:
        hashes = {"ha1": wanted.ha1, **wanted.hashes}
        if now is not None and all(str(now.row[name]).lower() == each for name, each in hashes.items()):
            return None
        return dict.fromkeys(CREDENTIALS, "") | hashes
    password = wanted.password
    if password is None:
        if now is not None:
            return None
        return dict.fromkeys(CREDENTIALS, "")  # nobody gets in, until a password is set or a phone gets one
    hashes = stored_hashes(who.username, who.domain, realm, password)
    if now is not None:
        stored = str(now.row["ha1"]).lower()
        if not stored and now.row["password"] == password:
            return None
        # A row that comes from another server, or from an older release, may have the hash for MD5 alone.
        if stored == hashes["ha1"] and all(str(now.row[name]).lower() == hashes[name] for name in _SHA):
            return None
    return {**hashes, "password": ""}


def _word_for(wanted: Wanted, now: Kept | None) -> str:
    if now is not None:
        return "password: changed"
    return "password: given" if wanted.password or wanted.ha1 else "password: none yet"


def _check_aliases(
    staying: Sequence[Wanted],
    leaving: Iterable[Kept],
    there: Mapping[tuple[str, str], Kept],
    alias_owner: Mapping[AddressOfRecord, AddressOfRecord],
    folded: bool,
) -> None:
    """An alias leads to one subscriber, and is no subscriber's own address."""
    free = {_key(each.who, folded) for each in leaving}
    people = {_key(each.who, folded) for each in staying} | (there.keys() - free)
    says = {_key(each.who, folded): each.aliases for each in staying if each.aliases is not None}
    leads: dict[tuple[str, str], Wanted] = {}
    for each in staying:
        if _owner_of(each.who, alias_owner, folded, free, says) is not None:
            raise Refused(each, "is an alias already; 'sipbox alias remove' takes it away")
        for alias in each.aliases or ():
            key = _key(alias, folded)
            if key in people:
                raise Refused(each, f"the alias {alias} is a subscriber; take one of them out")
            other = leads.setdefault(key, each)
            if other is not each:
                raise Refused(each, f"the alias {alias} is {other.who}'s too ({other.place}); take one out")
            owner = _owner_of(alias, alias_owner, folded, free, says)
            if owner is not None and _key(owner, folded) != _key(each.who, folded):
                raise Refused(
                    each, f"the alias {alias} leads to {owner}; 'sipbox alias remove {alias}' takes it away"
                )


def _owner_of(
    who: AddressOfRecord,
    alias_owner: Mapping[AddressOfRecord, AddressOfRecord],
    folded: bool,
    free: set[tuple[str, str]],
    says: Mapping[tuple[str, str], tuple[AddressOfRecord, ...] | None],
) -> AddressOfRecord | None:
    """To whom ``who`` leads as an alias, and goes on leading."""
    owner = alias_owner.get(who)
    if owner is None or _key(owner, folded) in free:
        return None
    said = says.get(_key(owner, folded))
    return None if said is not None and who not in said else owner


def _key(who: AddressOfRecord, folded: bool) -> tuple[str, str]:
    return (who.username.lower() if folded else who.username, who.domain.lower())
