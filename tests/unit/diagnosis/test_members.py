from __future__ import annotations

import pytest

from appliance.diagnosis.members import judge
from appliance.storage.galera import Member

WELL = Member(3, True, "Synced", True, 0.0, 0, 0)
APART = WELL._replace(primary=False, ready=False)


def test_one_server_is_no_cluster() -> None:
    assert judge({}).state == "off"


def test_all_is_well() -> None:
    found = judge({"this box": WELL, "192.0.2.11": WELL._replace(state="Donor/Desynced")})
    assert found.state == "ok"
    assert "3 members" in found.what and "192.0.2.11" in found.what


@pytest.mark.parametrize(
    ("members", "says", "does"),
    [
        ({"this box": None, "192.0.2.11": None}, "no member", "recover.yml"),
        ({"this box": WELL, "192.0.2.11": None}, "192.0.2.11 is out of the cluster", "On 192.0.2.11:"),
        (
            {"this box": APART, "192.0.2.11": WELL},
            "no majority",
            "network",
        ),
        (
            {"this box": WELL._replace(state="Joiner", ready=False), "192.0.2.11": WELL},
            "this box (Joiner) has not got all rows",
            "Wait",
        ),
        ({"this box": WELL, "192.0.2.11": WELL._replace(waiting=20_000)}, "192.0.2.11 cannot follow", "disk"),
    ],
)
def test_what_is_wrong_names_the_member_and_the_remedy(
    members: dict[str, Member | None], says: str, does: str
) -> None:
    found = judge(members)
    assert found.state == "wrong"
    assert says in found.what and does in found.todo


def test_server_that_asks_another_box_although_all_are_well() -> None:
    assert judge({"this box": WELL, "192.0.2.11": WELL}, elsewhere=True).state == "wrong"
    assert judge({"this box": None, "192.0.2.11": WELL}, elsewhere=True).what.startswith("this box is out")
