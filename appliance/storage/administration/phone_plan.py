"""What has to change so that phones are as a file wants them: a comparison, without a database.

A phone's password is that of its subscriber: given by the file, else what is sealed on a phone already, else
the plain text that the row of the subscriber has, else a new one for who is not there yet, or has none.
For one whose password nobody knows a new one is made only when that is asked for: his other phones would stop
working. Must not know SQL.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from appliance.auth.digest import ha1, stored_hashes
from appliance.errors import SealBroken, StorageError
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration.phones import Wanted
from appliance.storage.phones import StoredLine, StoredPhone

APPLY = "apply"  # the mark
#: The option whose value is sealed, and whose it is.
SECRET_OPTION = "admin_password"  # noqa: S105 - the name of an option
_PASSWORD_BYTES = 18


class Vault(Protocol):
    """``provisioning.vault.Vault``."""

    def seal(self, password: str, owner: str) -> str: ...
    def open(self, sealed: str, owner: str) -> str: ...
    def is_newest(self, sealed: str) -> bool: ...


@dataclass(frozen=True)
class WantedLine:
    """An account: whose it is, what the phone shows, and the password when the file has one."""

    number: int
    who: AddressOfRecord
    auth_user: str
    display_name: str
    label: str
    voicemail: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class WantedPhone:
    """A phone as the file wants it; ``place`` is where the entry stands."""

    mac: str
    place: str
    vendor: str = ""
    model: str = ""
    enabled: bool = True
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    lines: tuple[WantedLine, ...] = ()
    absent: bool = False


class Person(NamedTuple):
    """What a subscriber's row says of his password."""

    ha1: str
    password: str


@dataclass
class PhonePlan:
    """What is to be done; ``lines`` say it for people, without secrets."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    puts: list[tuple[Wanted, StoredPhone | None]] = field(default_factory=list)
    new_subscribers: dict[AddressOfRecord, dict[str, str]] = field(default_factory=dict, repr=False)
    new_passwords: dict[AddressOfRecord, dict[str, str]] = field(default_factory=dict, repr=False)
    sealed: dict[AddressOfRecord, str] = field(default_factory=dict, repr=False)
    lines: list[str] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.people or self.sealed)

    @property
    def people(self) -> list[AddressOfRecord]:
        """Subscribers whose rows are written."""
        return [*self.new_subscribers, *self.new_passwords]


class PhoneNotPlanned(StorageError):
    """An entry that cannot be; ``place: what is wrong; what to do``."""


class Planner:
    """Compares ``wanted`` with ``present`` phones and ``people``; ``realm`` is that of a domain.

    ``mark`` is what wanted phones are marked with: who keeps them.
    """

    def __init__(
        self,
        present: Sequence[StoredPhone],
        people: Mapping[AddressOfRecord, Person],
        realm: Callable[[str], str],
        vault: Vault,
        *,
        new_passwords: bool = False,
        mark: str = APPLY,
    ) -> None:
        self._present = {phone.mac: phone for phone in present}
        self._people = people
        self._realm = realm
        self._vault = vault
        self._renew = new_passwords
        self._mark = mark
        self._stored: dict[AddressOfRecord, str] = {}
        for phone in present:
            for line in phone.lines:
                if line.secret:
                    self._stored.setdefault(AddressOfRecord(line.username, line.domain.lower()), line.secret)
        self._known: dict[AddressOfRecord, str] = {}  # what each user's lines are to hold, sealed
        self._plan = PhonePlan()

    def plan(self, wanted: Sequence[WantedPhone], *, remove: bool) -> PhonePlan:
        """What to do. With ``remove`` phones that an earlier file made and that are not wanted go."""
        given = _given(wanted)
        for each in wanted:
            if each.absent:
                continue
            for line in each.lines:
                if line.who not in self._known:
                    self._known[line.who] = self._password(line.who, given.get(line.who), each.place)
            self._one(each)
        absent = {each.mac for each in wanted if each.absent}
        named = {each.mac for each in wanted}
        for mac, phone in self._present.items():
            if mac in absent or (remove and mac not in named and phone.managed_by == APPLY):
                self._plan.removed.append(mac)
                self._plan.lines.append(f"- {mac} {phone.model}")
        return self._plan

    def _one(self, wanted: WantedPhone) -> None:
        now = self._present.get(wanted.mac)
        lines = tuple(
            StoredLine(
                line.number,
                *line.who,
                line.auth_user,
                line.display_name,
                line.label,
                line.voicemail,
                self._known[line.who],
            )
            for line in wanted.lines
        )
        options = self._sealed_options(wanted, now)
        made = Wanted(wanted.mac, wanted.vendor, wanted.model, wanted.enabled, options, lines, self._mark)
        if now is None:
            self._plan.added.append(wanted.mac)
            said = [f"line {line.line}: {line.owner}" for line in lines]
            self._plan.lines.append(f"+ {wanted.mac} {wanted.model}: {'; '.join(said)}")
        else:
            said = _differences(made, now)
            if not said:
                return
            self._plan.changed.append(wanted.mac)
            self._plan.lines.append(f"~ {wanted.mac} {wanted.model}: {'; '.join(said)}")
        self._plan.puts.append((made, now))

    def _password(self, who: AddressOfRecord, given: str | None, place: str) -> str:
        """The user's password, sealed; what has to be written for it is in the plan."""
        person, stored = self._people.get(who), self._stored.get(who)
        realm = self._realm(who.domain)
        opened = self._opened(stored, who, place)
        password = given
        has_one = person is not None and bool(person.ha1 or person.password)
        if password is None and person is not None and has_one:
            fitting = [each for each in (opened, person.password) if each and _fits(person, who, realm, each)]
            if fitting:
                password = fitting[0]
            elif not self._renew:
                raise PhoneNotPlanned(
                    f"{place}: the password of {who} is not known here; give it, or say --new-passwords,"
                    " which makes a new one"
                )
        if password is None:
            password = opened if opened and not has_one else secrets.token_urlsafe(_PASSWORD_BYTES)
        if person is None:
            self._plan.new_subscribers[who] = _hashes(who, realm, password)
            self._plan.lines.append(f"+ subscriber {who}: password {'given' if given else 'generated'}")
        elif not _fits(person, who, realm, password):
            self._plan.new_passwords[who] = _hashes(who, realm, password)
            self._plan.lines.append(f"~ subscriber {who}: password {'changed' if given else 'generated'}")
        if stored and opened == password and self._vault.is_newest(stored):
            return stored
        sealed = self._vault.seal(password, str(who))
        if stored:
            self._plan.sealed[who] = sealed  # his lines on phones that the file does not name hear of it too
        return sealed

    def _opened(self, stored: str | None, who: AddressOfRecord, place: str) -> str | None:
        if not stored:
            return None
        try:
            return self._vault.open(stored, str(who))
        except SealBroken as error:
            if self._renew:
                return None
            raise PhoneNotPlanned(f"{place}: {error}; --new-passwords makes a new one") from error

    def _sealed_options(self, wanted: WantedPhone, now: StoredPhone | None) -> dict[str, Any]:
        options = dict(wanted.options)
        if SECRET_OPTION not in options:
            return options
        owner = f"phone {wanted.mac}"
        stored = str(now.options.get(SECRET_OPTION, "")) if now else ""
        try:
            same = bool(stored) and self._vault.open(stored, owner) == options[SECRET_OPTION]
        except SealBroken:
            same = False
        newest = same and self._vault.is_newest(stored)
        options[SECRET_OPTION] = stored if newest else self._vault.seal(str(options[SECRET_OPTION]), owner)
        return options


def _given(wanted: Sequence[WantedPhone]) -> dict[AddressOfRecord, str]:
    """The passwords that the file gives; two for one subscriber are refused."""
    given: dict[AddressOfRecord, str] = {}
    for each in wanted:
        for line in each.lines:
            if line.password and given.setdefault(line.who, line.password) != line.password:
                raise PhoneNotPlanned(f"{each.place}: {line.who} has two passwords; give one of them")
    return given


def _differences(wanted: Wanted, now: StoredPhone) -> list[str]:
    said = []
    if wanted.model != now.model or wanted.vendor != now.vendor:
        said.append(f"model: {now.model!r} -> {wanted.model!r}")
    if wanted.enabled != now.enabled:
        said.append("enabled" if wanted.enabled else "disabled")
    for name in sorted({*wanted.options, *now.options}):
        before, after = now.options.get(name), wanted.options.get(name)
        if before != after:
            said.append(f"{name}: changed" if name == SECRET_OPTION else f"{name}: {before!r} -> {after!r}")
    before_lines = {line.line: line for line in now.lines}
    after_lines = {line.line: line for line in wanted.lines}
    for number in sorted({*before_lines, *after_lines}):
        old, new = before_lines.get(number), after_lines.get(number)
        if old is None or new is None:
            said.append(f"line {number}: {f'{new.owner} added' if new else 'removed'}")
            continue
        for name in StoredLine._fields[1:]:
            one, two = getattr(old, name), getattr(new, name)
            if one != two:
                what = "password: sealed anew" if name == "secret" else f"{name}: {one!r} -> {two!r}"
                said.append(f"line {number} {what}")
    if wanted.managed_by != now.managed_by:
        said.append("kept by the file from now on")
    return said


def _fits(person: Person, who: AddressOfRecord, realm: str, password: str) -> bool:
    if person.ha1 or not person.password:
        return person.ha1.lower() == ha1(who.username, realm, password)
    return person.password == password


def _hashes(who: AddressOfRecord, realm: str, password: str) -> dict[str, str]:
    return {
        **stored_hashes(who.username, who.domain, realm, password),
        "password": "",
    }
