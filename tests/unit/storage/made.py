"""What the tests of storage are made of: a clock that stands still, bindings, and another client's SQL."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from appliance.registrar.binding import Binding, ruid_of
from appliance.sip.uri import AddressOfRecord
from appliance.storage.engine import Database
from appliance.telemetry.accounted import Accounted


@dataclass
class Clock:
    """Monotonic and wall seconds that only a test moves."""

    now: float = 1000.0
    wall: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def wall_now(self) -> float:
        return self.wall

    @property
    def offset(self) -> float:
        return self.wall - self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


class OneDomain:
    """example.com is the only domain, and sip.example.com another name of it."""

    def only(self) -> str | None:
        return "example.com"

    def canonical(self, host: str) -> str:
        return "example.com" if host == "sip.example.com" else host

    def hosts(self, host: str) -> tuple[str, ...]:
        return ("example.com", "sip.example.com") if host == "example.com" else (host,)


def binding(
    number: int = 10, *, cseq: int = 1, now: float = 1000.0, lasts: float = 3600, **more: Any
) -> Binding:
    """A phone's binding, as the registrar makes it."""
    aor = AddressOfRecord(str(number), "example.com")
    values: dict[str, Any] = {
        "contact": f"sip:{number}@192.0.2.1:5060",
        "deadline": now + lasts,
        "call_id": f"call-{number}@192.0.2.1",
        "cseq": cseq,
        "user_agent": "Grandstream BT110 1.0.8.33",
        "modified": 1_700_000_000.0 + cseq,
    } | more
    if "ruid" not in values:
        values["ruid"] = ruid_of(aor, values["contact"])
    return Binding(aor, **values)


def fields(binding: Binding) -> dict[str, Any]:
    """A binding as it compares with another one."""
    return {name: getattr(binding, name) for name in [field.name for field in dataclasses.fields(Binding)]}


def sql(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """What somebody types into another client, and what it shows."""

    def work(connection: Connection) -> list[tuple[Any, ...]]:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []

    return database.run(work)


def accounted(**changes: Any) -> Accounted:
    """An answered INVITE of 10 to 11, or what ``changes`` make of it."""
    values: dict[str, Any] = {
        "dialog": f"dialog-{changes.get('call_id', 'c1')}",
        "method": "INVITE",
        "cseq": 2,
        "from_tag": "a",
        "to_tag": "b",
        "call_id": "c1",
        "status": 200,
        "reason": "OK",
        "began": 1_700_000_000.25,
        "ended": 1_700_000_003.5,
        "src_user": "10",
        "src_domain": "example.com",
        "src_ip": "192.0.2.10",
        "dst_ouser": "11",
        "dst_user": "11",
        "dst_domain": "example.com",
        "result": "answered",
        "missed": False,
        "account": "10@example.com",
    }
    return Accounted(**(values | changes))


def bye(**changes: Any) -> Accounted:
    """The BYE of that call a minute later, from the callee."""
    values: dict[str, Any] = {"method": "BYE", "cseq": 7, "from_tag": "b", "to_tag": "a", "result": ""}
    times = {"began": 1_700_000_063.75, "ended": 1_700_000_064.0, "account": ""}
    return accounted(**(values | times | {"src_user": "11", "dst_user": "10", "dst_ouser": "10"} | changes))
