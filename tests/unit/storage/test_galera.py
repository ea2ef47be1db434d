from __future__ import annotations

from typing import Any, cast

from sqlalchemy.engine import Connection

from appliance.storage.galera import Member, is_member, read

SAID = {
    "wsrep_cluster_size": "3",
    "wsrep_cluster_status": "Primary",
    "wsrep_local_state_comment": "Synced",
    "wsrep_ready": "ON",
    "wsrep_flow_control_paused_ns": "1500000000",
    "wsrep_local_recv_queue": "4",
    "wsrep_local_cert_failures": "2",
}


class Server:
    """Answers each query with the same rows."""

    def __init__(self, rows: dict[str, str]) -> None:
        self.rows = list(rows.items())

    def exec_driver_sql(self, _: str) -> Any:
        return self

    def first(self) -> tuple[str, str] | None:
        return self.rows[0] if self.rows else None


def behind(rows: dict[str, str]) -> Connection:
    return cast("Connection", Server(rows))


def test_what_a_member_says() -> None:
    assert read(SAID.items()) == Member(3, True, "Synced", True, 1.5, 4, 2)


def test_without_a_cluster_there_is_nothing_to_say() -> None:
    assert read([]) is None
    assert read([("wsrep_cluster_status", "Disconnected")]) is None


def test_who_gives_his_rows_to_another_has_them_all() -> None:
    def synced(**changes: str) -> bool:
        said = read((SAID | changes).items())
        assert said is not None
        return said.synced

    assert synced()
    assert synced(wsrep_local_state_comment="Donor/Desynced")
    assert not synced(wsrep_local_state_comment="Joiner")
    assert not synced(wsrep_cluster_status="non-Primary")
    assert not synced(wsrep_ready="OFF")


def test_whether_it_belongs_to_a_cluster() -> None:
    assert is_member(behind({"wsrep_on": "ON"}))
    assert not is_member(behind({"wsrep_on": "OFF"}))
    assert not is_member(behind({}))
