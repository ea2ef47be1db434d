"""The commands' arguments and answers, in OpenSER's words, with a SIP process that answers from a table."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.agent.commands import COMMANDS
from appliance.agent.mi import Argument, CommandRefused
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError

PROCESS = {
    "server": "sipbox (0.1.0 (x86_64/linux))",
    "now": 1_700_000_061.9,
    "started": 1_700_000_000.2,
    "directory": "/srv",
    "arguments": ["sipbox", "serve"],
}
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


class Answering(SipProcess):
    """Gives prepared answers and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("/nowhere")
        self.answers = {"process": PROCESS, **answers}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, command: str, /, **args: Any) -> Any:
        self.asked.append((command, args))
        return self.answers[command]

    def ask_storage(self, command: str, /, **args: Any) -> Any:
        return self.ask(command, **args)

    def stream(self, command: str, /, **args: Any) -> Iterator[Any]:
        return iter(self.ask(command, **args))


def run(process: Answering, command: str, *values: str) -> str:
    """The text of the answers, or of the refusal."""
    try:
        trees = COMMANDS[command].run(process, tuple(Argument(value) for value in values))
        return "".join(tree.text for tree in trees)
    except CommandRefused as refused:
        return refused.tree.text


def test_there_are_these_commands_and_no_others() -> None:
    assert sorted(COMMANDS) == sorted(
        [
            "uptime",
            "version",
            "pwd",
            "arg",
            "which",
            "ps",
            "kill",
            "get_statistics",
            "reset_statistics",
            "list_blacklists",
            "t_uac_dlg",
            "t_uac_cancel",
            "t_hash",
            "t_reply",
            "ul_rm",
            "ul_rm_contact",
            "ul_dump",
            "ul_flush",
            "nh_enable_ping",
            "nh_enable_rtpp",
            "nh_show_rtpp",
            "domain_reload",
            "domain_dump",
            "sip_trace",
            "pdt_list",
            "pdt_add",
            "pdt_delete",
            "pdt_reload",
            "lcr_reload",
            "lcr_dump",
            "lcr_gw_dump",
            "lcr_lcr_dump",
            "trusted_reload",
            "trusted_dump",
            "address_reload",
            "address_dump",
            "subnet_dump",
            "ul_add",
            "ul_show_contact",
        ]
    )


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("get_statistics", ()),
        ("reset_statistics", ()),
        ("t_uac_dlg", ("OPTIONS", "sip:a", ".", ".")),
        ("t_uac_dlg", ("OPTIONS", "sip:a", ".", ".", ".", "body", "more")),
        ("t_uac_cancel", ("call",)),
        ("t_uac_cancel", ("call", "1", "more")),
        ("t_reply", ("200", "OK", "1:2", "tag")),
        ("t_reply", ("200", "OK", "1:2", "tag", ".", "body", "more")),
        ("nh_enable_ping", ()),
        ("nh_enable_ping", ("1", "0")),
        ("nh_enable_rtpp", ("127.0.0.1:2223",)),
        ("nh_enable_rtpp", ("127.0.0.1:2223", "1", "0")),
        ("sip_trace", ("on", "off")),
        ("ul_rm", ("location",)),
        ("ul_rm_contact", ("location", "10@x")),
        ("ul_dump", ("brief", "more")),
        ("ul_add", ("location", "10@x", "sip:a", "0", "1", "0", "0", "0")),
        ("ul_show_contact", ("location", "10@x", "more")),
    ],
)
def test_too_few_or_too_many_arguments(command: str, values: tuple[str, ...]) -> None:
    assert run(Answering(), command, *values) == "400 Too few or too many arguments\n\n"


# ----------------------------------------------------------------------------------------------------------
# core


def test_uptime_version_pwd_arg() -> None:
    process = Answering()
    assert run(process, "uptime") == (
        f"200 OK\nNow:: {time.ctime(1_700_000_061)}\nUp since:: {time.ctime(1_700_000_000)}\n"
        "Up time:: 61 [sec]\n\n"
    )
    assert len(time.ctime(1_700_000_061)) == 24
    assert run(process, "version") == "200 OK\nServer:: sipbox (0.1.0 (x86_64/linux))\n\n"
    assert run(process, "pwd") == "200 OK\nWD:: /srv\n\n"
    assert run(process, "arg") == "200 OK\nsipbox\nserve\n\n"


def test_which_lists_itself() -> None:
    lines = run(Answering(), "which").splitlines()
    assert lines[0] == "200 OK"
    assert "which" in lines
    assert len(lines) == len(COMMANDS) + 2


def test_ps_names_the_agent_unless_it_is_the_same_process() -> None:
    other = Answering(processes=[{"pid": 4711, "type": "SIP server @ udp:127.0.0.1:5060"}])
    assert run(other, "ps") == (
        "200 OK\nProcess::  ID=0 PID=4711 Type=SIP server @ udp:127.0.0.1:5060\n"
        f"Process::  ID=1 PID={os.getpid()} Type=MI FIFO\n\n"
    )
    same = Answering(processes=[{"pid": os.getpid(), "type": "SIP server"}])
    assert run(same, "ps") == f"200 OK\nProcess::  ID=0 PID={os.getpid()} Type=SIP server\n\n"


def test_kill_answers_nothing() -> None:
    process = Answering(kill=None)
    assert run(process, "kill") == ""
    assert process.asked == [("kill", {})]


def test_statistics() -> None:
    found = [{"group": "core", "name": "rcv_requests", "value": 7}, {"group": "tm", "name": "x", "value": 0}]
    process = Answering(statistics=found, reset_statistics=2)
    assert run(process, "get_statistics", "core:", "", "x") == "200 OK\ncore:rcv_requests = 7\ntm:x = 0\n\n"
    assert process.asked == [("statistics", {"names": ["core:", "x"]})]
    assert run(process, "reset_statistics", "rcv_requests", "x") == "200 OK\n\n"
    nothing = Answering(statistics=[], reset_statistics=0)
    assert run(nothing, "get_statistics", "nothing") == "404 Statistics Not Found\n\n"
    assert run(nothing, "reset_statistics", "nothing") == "404 Statistics Not Found\n\n"


def test_destinations_that_failed_are_a_blacklist() -> None:
    assert run(Answering(failed_destinations=[]), "list_blacklists") == "200 OK\n\n"
    failed = [{"transport": "udp", "host": "192.0.2.7", "port": 5060, "seconds": 42}]
    assert run(Answering(failed_destinations=failed), "list_blacklists") == (
        "200 OK\n"
        "List:: failed owner=0 flags=0\n"
        "\tRule::  flags=0\n"
        "\t\tIP:: 192.0.2.7\n"
        "\t\tMask:: 32\n"
        "\t\tProto:: udp\n"
        "\t\tPort:: 5060\n"
        "\t\tExpires:: 42\n\n"
    )


# ------------------------------------------------------------------------------------------------------------
# tm


def test_each_answer_to_a_request_is_a_reply() -> None:
    none = {"request_uri": None, "next_hop": None, "route_set": None}
    process = Answering(
        uac=[
            {"status": 100, "reason": "Trying", "headers": "Via: a\r\n\r\n", **none},
            {"status": 408, "reason": "Request Timeout", "headers": None, **none},
        ]
    )
    assert run(process, "t_uac_dlg", "OPTIONS", "sip:a", ".", ".", ".") == (
        "200 OK\n100 Trying\n.\n.\n.\nVia: a\r\n\r\n\n\n200 OK\n408 Request Timeout\n.\n.\n.\n.\n\n"
    )
    left_out = {"next_hop": None, "socket": None, "headers": None, "body": None}
    assert process.asked == [("uac", {"method": "OPTIONS", "ruri": "sip:a", **left_out})]


def test_what_is_given_to_a_request() -> None:
    process = Answering(uac=[])
    run(process, "t_uac_dlg", "INFO", "sip:a", "sip:b", "udp:c:1", "To: x\r\n", "body")
    told = {"next_hop": "sip:b", "socket": "udp:c:1", "headers": "To: x\r\n", "body": "body"}
    assert process.asked == [("uac", {"method": "INFO", "ruri": "sip:a", **told})]


def test_cancelling() -> None:
    process = Answering(uac_cancel=None)
    assert run(process, "t_uac_cancel", "call", "5") == "200 OK\n\n"
    assert process.asked == [("uac_cancel", {"callid": "call", "cseq": "5"})]


def test_the_hash() -> None:
    slots = [{"index": 0, "current": 1, "total": 9}, {"index": 1, "current": 0, "total": 0}]
    text = run(Answering(transaction_slots=slots), "t_hash")
    assert text == "200 OK\n0 Current=1 Total=9\n1 Current=0 Total=0\n\n"


@pytest.mark.parametrize(
    ("code", "identifier", "answer"),
    [
        ("700", "1:2", "400 Invalid reply code"),
        ("x", "1:2", "400 Invalid reply code"),
        ("99", "1:2", "400 Invalid reply code"),
        ("²00", "1:2", "400 Invalid reply code"),
        ("200", "12", "400 Invalid trans_id"),
        ("200", "x:2", "400 Invalid index in trans_id"),
        ("200", "1:x", "400 Invalid label in trans_id"),
        ("200", "1:", "400 Invalid label in trans_id"),
        ("200", "1:2", "200 OK"),
    ],
)
def test_answering_by_hand(code: str, identifier: str, answer: str) -> None:
    process = Answering(transaction_reply=None)
    assert run(process, "t_reply", code, "Fine", identifier, "tag", ".") == f"{answer}\n\n"
    told = {
        "status": 200,
        "reason": "Fine",
        "index": 1,
        "label": 2,
        "to_tag": "tag",
        "headers": None,
        "body": None,
    }
    assert process.asked == ([("transaction_reply", told)] if answer == "200 OK" else [])


# --------------------------------------------------------------------------------------------------------
# usrloc


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


def test_the_trace_is_switched() -> None:
    process = Answering(trace_show=None, trace_shown=True)
    assert run(process, "sip_trace", "on") == "200 OK\n\n"
    assert run(process, "sip_trace", "off") == "200 OK\n\n"
    assert process.asked == [("trace_show", {"on": True}), ("trace_show", {"on": False})]
    assert run(process, "sip_trace") == "200 OK\non\n\n"
    assert run(process, "sip_trace", "yes") == "400 Bad parameter\n\n"


def test_keep_alives_are_switched() -> None:
    process = Answering(nat_ping=None)
    assert run(process, "nh_enable_ping", "0") == "200 OK\n\n"
    assert run(process, "nh_enable_ping", "7") == "200 OK\n\n"
    assert process.asked == [("nat_ping", {"enabled": False}), ("nat_ping", {"enabled": True})]
    assert run(process, "nh_enable_ping", "on") == "400 Bad parameter\n\n"


def test_nodes_of_rtpengine_are_shown() -> None:
    nodes = [
        {"node": "127.0.0.1:2223", "up": True, "enabled": True},
        {"node": "192.0.2.7:2223", "up": True, "enabled": False},
    ]
    assert run(Answering(media_nodes=nodes), "nh_show_rtpp") == (
        "200 OK\n"
        "udp:127.0.0.1:2223::  set=0 index=0 disabled=0 weight=1 recheck_ticks=0\n"
        "udp:192.0.2.7:2223::  set=0 index=1 disabled=1 weight=1 recheck_ticks=0\n\n"
    )
    assert run(Answering(media_nodes=[]), "nh_show_rtpp") == "200 OK\n\n"


def test_a_node_of_rtpengine_is_switched() -> None:
    process = Answering(media_enable=None)
    assert run(process, "nh_enable_rtpp", "udp:127.0.0.1:2223", "0") == "200 OK\n\n"
    assert run(process, "nh_enable_rtpp", "127.0.0.1:2223", "1") == "200 OK\n\n"
    asked = [{"node": "127.0.0.1:2223", "enabled": on} for on in (False, True)]
    assert process.asked == [("media_enable", each) for each in asked]
    assert run(process, "nh_enable_rtpp", "127.0.0.1:2223", "off") == "400 Bad parameter\n\n"


# ----------------------------------------------------------------------------------------------------------
# domain


def test_domains_are_told_one_a_line() -> None:
    rows = [{"host": "example.org", "domain": "example.org"}, {"host": "192.0.2.1", "domain": "example.org"}]
    assert run(Answering(domains=rows), "domain_dump") == "200 OK\nexample.org\n192.0.2.1\n\n"


def test_domains_are_read_again() -> None:
    process = Answering(domains_reload=2)
    assert run(process, "domain_reload") == "200 OK\n\n"
    assert process.asked == [("domains_reload", {})]


def test_domains_that_cannot_be_read() -> None:
    class Away(Answering):
        def ask(self, command: str, /, **args: Any) -> Any:
            raise ControlError(503, "the database is away")

    class Down(Answering):
        def ask(self, command: str, /, **args: Any) -> Any:
            raise ServerDown("nobody answers")

    assert run(Away(), "domain_reload") == "500 Domain table reload failed\n\n"
    with pytest.raises(ServerDown):  # the FIFO has an answer of its own to that
        run(Down(), "domain_reload")


# ----------------------------------------------------------------------------------------------------------
# lcr and permissions

GATEWAYS = [
    {"group": 1, "host": "192.0.2.9", "port": 0, "transport": "", "strip": 1, "prefix": "+49"},
    {"group": 2, "host": "2001:db8::9", "port": 5070, "transport": "tcp", "strip": 0, "prefix": ""},
]
ROUTES = [{"prefix": "00", "from_uri": "^sip:1", "group": 1, "priority": 5}]
GW_LINES = (
    "GW::  GRP_ID=1 URI=sip:192.0.2.9:5060 STRIP=1 PREFIX=+49\n"
    "GW::  GRP_ID=2 URI=sip:[2001:db8::9]:5070;transport=tcp STRIP=0 PREFIX=\n"
)
LCR_LINE = "LCR::  PREFIX=00 FROM_URI=^sip:1 GRP_ID=1 PRIORITY=5\n"


@pytest.mark.parametrize(
    ("command", "lines"),
    [("lcr_dump", GW_LINES + LCR_LINE), ("lcr_gw_dump", GW_LINES), ("lcr_lcr_dump", LCR_LINE)],
)
def test_gateways_and_routes_are_told(command: str, lines: str) -> None:
    assert run(Answering(gateways=GATEWAYS, routes=ROUTES), command) == f"200 OK\n{lines}\n"


def test_trusted_peers_are_told_as_openser_does() -> None:
    rows = [
        {"host": "192.0.2.1", "proto": "udp", "pattern": "^sip:", "tag": "int"},
        {"host": "192.0.2.2", "proto": "any", "pattern": "", "tag": ""},
        {"host": "192.0.2.3", "proto": "none", "pattern": "", "tag": ""},
    ]
    lines = run(Answering(trusted=rows), "trusted_dump").splitlines()
    assert [line.partition("<")[2] for line in lines[1:3]] == [
        "192.0.2.1, 1, ^sip:, int>",
        "192.0.2.2, 0, NULL, NULL>",
    ]
    assert len(lines) == 4


def test_addresses_and_networks_are_told_apart() -> None:
    rows = [
        {"group": 1, "host": "192.0.2.1", "mask": 32, "port": 5060},
        {"group": 1, "host": "192.0.2.0", "mask": 24, "port": 0},
        {"group": 2, "host": "2001:db8::1", "mask": 128, "port": 0},
        {"group": 2, "host": "2001:db8::", "mask": 32, "port": 0},
    ]
    addresses = run(Answering(addresses=rows), "address_dump").splitlines()
    told = [line.partition("<")[2] for line in addresses[1:3]]
    assert told == ["1, 192.0.2.1, 5060>", "2, 2001:db8::1, 0>"]
    networks = run(Answering(addresses=rows), "subnet_dump")
    assert networks == "200 OK\n   0 <1, 192.0.2.0, 24, 0>\n   1 <2, 2001:db8::, 32, 0>\n\n"


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("lcr_reload", "Reload of gateways failed"),
        ("trusted_reload", "Trusted table reload failed"),
        ("address_reload", "Address table reload failed"),
    ],
)
def test_they_are_read_again(command: str, failure: str) -> None:
    process = Answering(peers_reload=1)
    assert run(process, command) == "200 OK\n\n"
    assert process.asked == [("peers_reload", {})]

    class Away(Answering):
        def ask(self, command: str, /, **args: Any) -> Any:
            raise ControlError(503, "the database is away")

    assert run(Away(), command) == f"400 {failure}\n\n"


# -- pdt --------------------------------------------------------------------------------------------------

PREFIXES = [
    {"source": "*", "prefix": "77", "domain": "branch.example:5080"},
    {"source": "example.org", "prefix": "78", "domain": "other.example"},
]
PDT_LINES = (
    "PDT::  SDOMAIN=* PREFIX=77 DOMAIN=branch.example:5080\n",
    "PDT::  SDOMAIN=example.org PREFIX=78 DOMAIN=other.example\n",
)


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [((), PDT_LINES), (("exa",), PDT_LINES[1:]), ((".", "7"), PDT_LINES), ((".", ".", "b"), PDT_LINES[:1])],
)
def test_pdt_list(wanted: tuple[str, ...], lines: tuple[str, ...]) -> None:
    assert run(Answering(prefixes=PREFIXES), "pdt_list", *wanted) == f"200 OK\n{''.join(lines)}\n"


def test_pdt_add_and_delete() -> None:
    process = Answering(prefix_add=None, prefix_remove=1, prefixes_reload=2)
    assert run(process, "pdt_add", "*", "77", "branch.example") == "200 OK\n\n"
    assert run(process, "pdt_delete", "*", "branch.example") == "200 OK\n\n"
    assert run(process, "pdt_reload") == "200 OK\n\n"
    assert process.asked == [
        ("prefix_add", {"source": "*", "prefix": "77", "domain": "branch.example"}),
        ("prefix_remove", {"source": "*", "domain": "branch.example"}),
        ("prefixes_reload", {}),
    ]
    assert run(Answering(prefix_remove=0), "pdt_delete", "*", "x").startswith("404 Prefix not found")
    assert run(process, "pdt_add", "77", "x").startswith("400 Too few or too many arguments")
