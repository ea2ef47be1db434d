"""The commands of the module usrloc, in OpenSER's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.agent.commands.answering import Answering, run

BINDING = {
    "aor": "10@example.org",
    "contact": "sip:10@192.0.2.5",
    "expires": 60,
    "q": None,
    "callid": "c",
    "cseq": 7,
    "user_agent": "",
    "received": None,
    "path": None,
    "socket": None,
    "methods": None,
    "flags": 0,
    "cflags": 0,
    "state": "CS_SYNC",
}


@pytest.mark.parametrize("command", ["ul_rm", "ul_rm_contact", "ul_add", "ul_show_contact"])
def test_the_table_and_the_domain_are_needed(command: str) -> None:
    rest = {"ul_rm_contact": ["sip:a"], "ul_add": ["sip:a", "0", "1", "0", "0", "0", "0"]}.get(command, [])
    process = Answering()
    assert run(process, command, "aliases", "10@x", *rest) == "404 Table not found\n\n"
    for aor in ("10", "@x", "10@"):
        assert run(process, command, "location", aor, *rest) == "400 Domain missing in AOR\n\n"
    assert process.asked == []


def test_removing_an_address() -> None:
    process = Answering(registration_remove=0)
    assert run(process, "ul_rm", "location", "10@x") == "200 OK\n\n"
    assert process.asked == [("registration_remove", {"aor": "10@x"})]


@pytest.mark.parametrize(
    ("bindings", "removed", "answer"),
    [([], 0, "404 AOR not found"), ([BINDING], 0, "404 Contact not found"), ([BINDING], 1, "200 OK")],
)
def test_removing_a_contact(bindings: list[Any], removed: int, answer: str) -> None:
    process = Answering(registrations=bindings, registration_remove=removed)
    assert run(process, "ul_rm_contact", "location", "10@x", "sip:a") == f"{answer}\n\n"


@pytest.mark.parametrize(
    "changed",
    [
        {3: "-1"},
        {3: "x"},
        {3: ""},
        {3: "4294967296" * 500},
        {4: "2"},
        {4: "1.5"},
        {4: "x"},
        {6: "x"},
        {7: "0x1"},
        {8: "x"},
    ],
)
def test_bad_parameters_of_an_addition(changed: dict[int, str]) -> None:
    values = ["location", "10@x", "sip:a", "60", "0.5", "0", "1", "2", "3"]
    for index, value in changed.items():
        values[index] = value
    process = Answering()
    assert run(process, "ul_add", *values) == "400 Bad parameter\n\n"
    assert process.asked == []


@pytest.mark.parametrize("q", ["0", "1", "1.00", "0.5", "0.", "0.125"])
def test_q_values_of_an_addition(q: str) -> None:
    process = Answering(registration_add={})
    assert run(process, "ul_add", "location", "10@x", "sip:a", "0", q, "0", "1", "2", "3") == "200 OK\n\n"
    assert process.asked[0][1]["q"] == float(q)


def test_the_line_of_a_contact() -> None:
    full = BINDING | {
        "q": 0.75,
        "flags": 171,
        "cflags": 16,
        "socket": "udp:127.0.0.1:5060",
        "methods": 0x1FFF,
        "received": "sip:192.0.2.5:33",
        "user_agent": "phone",
        "path": "<sip:p;lr>",
    }
    rows = [full, BINDING | {"expires": None}, BINDING | {"expires": 0}]
    assert run(Answering(registrations=rows), "ul_show_contact", "location", "10@x") == (
        "200 OK\n"
        "Contact:: <sip:10@192.0.2.5>;q=0.75;expires=60;flags=0xAB;cflags=0x10;socket=<udp:127.0.0.1:5060>;"
        "methods=0x1FFF;received=<sip:192.0.2.5:33>;user_agent=<phone>;path=<<sip:p;lr>>\n"
        "Contact:: <sip:10@192.0.2.5>;q=;expires=0;flags=0x0;cflags=0x0;socket=<NULL>;methods=0xFFFFFFFF\n"
        "\n"
    )


def test_no_contact_to_show() -> None:
    for rows, answer in (([], "404 AOR not found"), ([BINDING | {"expires": 0}], "404 AOR has no contacts")):
        assert run(Answering(registrations=rows), "ul_show_contact", "location", "10@x") == f"{answer}\n\n"


def test_a_dump_groups_contacts_by_address() -> None:
    rows = [
        BINDING | {"aor": "b@x", "contact": "sip:1", "expires": None, "q": 1.0},
        BINDING | {"aor": "a@x", "contact": "sip:2", "expires": 0, "received": "sip:r", "path": "sip:p"},
        BINDING | {"aor": "b@x", "contact": "sip:3", "user_agent": "phone", "socket": "udp:s", "methods": 5},
    ]
    assert run(Answering(registrations=rows), "ul_dump") == (
        "200 OK\nDomain:: location table=512 records=2 max_slot=1\n"
        "\tAOR:: a@x\n\t\tContact:: sip:2 Q=\n"
        "\t\t\tExpires:: expired\n\t\t\tCallid:: c\n\t\t\tCseq:: 7\n"
        "\t\t\tReceived:: sip:r\n\t\t\tPath:: sip:p\n"
        "\t\t\tState:: CS_SYNC\n\t\t\tFlags:: 0\n\t\t\tCflag:: 0\n\t\t\tMethods:: 4294967295\n"
        "\tAOR:: b@x\n\t\tContact:: sip:1 Q=1\n"
        "\t\t\tExpires:: permanent\n\t\t\tCallid:: c\n\t\t\tCseq:: 7\n"
        "\t\t\tState:: CS_SYNC\n\t\t\tFlags:: 0\n\t\t\tCflag:: 0\n\t\t\tMethods:: 4294967295\n"
        "\t\tContact:: sip:3 Q=\n"
        "\t\t\tExpires:: 60\n\t\t\tCallid:: c\n\t\t\tCseq:: 7\n\t\t\tUser-agent:: phone\n"
        "\t\t\tState:: CS_SYNC\n\t\t\tFlags:: 0\n\t\t\tCflag:: 0\n\t\t\tSocket:: udp:s\n\t\t\tMethods:: 5\n"
        "\n"
    )


def test_a_brief_dump_and_an_empty_one() -> None:
    process = Answering(registrations=[BINDING])
    assert run(process, "ul_dump", "BRIEF") == (
        "200 OK\nDomain:: location table=512 records=1 max_slot=1\n\tAOR:: 10@example.org\n\n"
    )
    nobody = "200 OK\nDomain:: location table=512 records=0 max_slot=0\n\n"
    assert run(Answering(registrations=[]), "ul_dump") == nobody


def test_flush() -> None:
    process = Answering(flush=None)
    assert run(process, "ul_flush") == "200 OK\n\n"
    assert process.asked == [("flush", {})]
