"""``sipbox gateway``, ``route`` and ``trusted``: rows made, refused, and made as a file wants them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.errors import ControlError
from appliance.storage.engine import Database
from tests.unit.cli.conftest import CommandLine, Server
from tests.unit.storage.made import sql

FILE = """
gateways:
  - {name: one, address: 192.0.2.9, group: carrier, port: 5060, transport: udp, strip: 1, prefix: "+49"}
  - {name: two, address: "2001:db8::9"}
routes:
  - {prefix: any, group: carrier, priority: 10}
  - {prefix: "00", group: two, from: "^sip:1"}
trusted:
  - {address: 192.0.2.1, proto: udp, tag: "local,ld"}
  - {address: 192.0.2.0/24}
"""


@pytest.fixture
def database(cli: CommandLine) -> Database:
    return Database(cli.url)


class TestOneByOne:
    def test_a_gateway_and_a_route(self, cli: CommandLine, database: Database) -> None:
        arguments = ("--group", "carrier", "--port", "5070", "--transport", "tcp", "--strip", "1")
        done = cli("gateway", "add", "one", "192.0.2.9", *arguments, "--prefix", "+49")
        assert (done.exit_code, done.stderr) == (
            0,
            "one is a gateway of the group carrier; 'sipbox route add' sends numbers there\n",
        )
        assert cli("gateway", "add", "two", "192.0.2.10", "--group", "carrier").exit_code == 0
        assert cli("route", "add", "any", "carrier", "--priority", "5").exit_code == 0
        assert cli("route", "add", "00", "carrier", "--from", "^sip:1").exit_code == 0
        rows = sql(database, "select gw_name, grp_id, ip_addr, port, transport, strip, prefix from gw")
        assert rows == [("one", 1, "192.0.2.9", 5070, 2, 1, "+49"), ("two", 1, "192.0.2.10", 0, 0, 0, "")]
        assert sql(database, "select prefix, from_uri, grp_id, priority from lcr") == [
            ("", "", 1, 5),
            ("00", "^sip:1", 1, 0),
        ]
        listed = cli("route", "list").stdout.splitlines()
        assert [line.split() for line in listed] == [
            ["Prefix", "From", "Group", "Priority"],
            ["00", "^sip:1", "carrier", "0"],
            ["any", "carrier", "5"],
        ]
        assert cli("route", "remove", "any", "carrier").exit_code == 0
        assert cli("route", "remove", "any", "carrier").exit_code == 1
        assert cli("gateway", "remove", "one", "--yes").exit_code == 0
        assert sql(database, "select grp_name from gw_grp") == [("carrier",)]
        cli("route", "remove", "00", "carrier")
        cli("gateway", "remove", "two", "--yes")
        assert sql(database, "select grp_name from gw_grp") == []

    def test_what_is_there_is_not_made_twice(self, cli: CommandLine) -> None:
        cli("gateway", "add", "one", "192.0.2.9")
        assert "there is a gateway one already" in cli("gateway", "add", "one", "192.0.2.8").stderr
        cli("route", "add", "any", "one")
        assert "there is that route already" in cli("route", "add", "any", "one").stderr
        cli("trusted", "add", "192.0.2.1")
        assert "is trusted so already" in cli("trusted", "add", "192.0.2.1").stderr
        assert cli("trusted", "add", "192.0.2.1", "--proto", "udp").exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (("gateway", "add", "one", "gw.example.net"), "is no IP address; the name goes to --hostname"),
            (("gateway", "add", "one", "192.0.2"), "is no IP address"),
            (("gateway", "add", "", "192.0.2.9"), "a name has 1 to 128"),
            (("gateway", "add", "one", "192.0.2.9", "--port", "70000"), "from 0 to 65535"),
            (("gateway", "add", "one", "192.0.2.9", "--transport", "sctp"), "sctp"),
            (("gateway", "add", "one", "192.0.2.9", "--prefix", "49a"), "has to be a + and digits"),
            (("gateway", "add", "one", "192.0.2.9", "--hostname", "a b"), "is no name of a host"),
            (("route", "add", "", "one"), "or 'any'"),
            (("route", "add", "0", "one", "--from", "(["), "is no regular expression"),
            (("trusted", "add", "pbx.example"), "is no IP address"),
            (("trusted", "add", "192.0.2.1/24"), "is no network"),
            (("trusted", "add", "192.0.2.0/24", "--tag", "int"), "a network has --port only"),
            (("trusted", "add", "192.0.2.1", "--port", "5060"), "--port is for a network"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, cli: CommandLine, arguments: tuple[str, ...], problem: str
    ) -> None:
        done = cli(*arguments)
        assert (done.exit_code, problem in done.stderr) == (2, True), done.stderr

    def test_a_route_leads_to_a_gateway(self, cli: CommandLine) -> None:
        done = cli("route", "add", "any", "nowhere")
        assert (done.exit_code, done.stderr) == (
            1,
            "sipbox: no gateway is in the group nowhere; 'sipbox gateway list' shows all\n",
        )

    def test_peers_and_networks(self, cli: CommandLine, database: Database) -> None:
        cli("trusted", "add", "192.0.2.1", "--proto", "udp", "--from", "@pbx", "--tag", "local,ld")
        cli("trusted", "add", "192.0.2.0/24", "--port", "5060")
        assert sql(database, "select src_ip, proto, from_pattern, tag from trusted") == [
            ("192.0.2.1", "udp", "@pbx", "local,ld")
        ]
        assert sql(database, "select grp, ip_addr, mask, port from address") == [(1, "192.0.2.0", 24, 5060)]
        listed = cli("trusted", "list").stdout.splitlines()
        assert listed[1].split() == ["192.0.2.1", "udp", "@pbx", "local,ld"]
        assert listed[2].split() == ["192.0.2.0/24", "any,", "port", "5060"]
        assert cli("trusted", "remove", "192.0.2.1", "--yes").exit_code == 0
        assert cli("trusted", "remove", "192.0.2.0/24", "--yes").exit_code == 0
        assert cli("trusted", "remove", "192.0.2.0/24", "--yes").exit_code == 1
        assert "nobody is trusted" in cli("trusted", "list").stderr

    def test_the_server_is_told_and_tells(self, cli: CommandLine, server: Server) -> None:
        server.answers = {"forget": None, "gateways": [{"id": 1, "rests": 42}]}
        cli("gateway", "add", "one", "192.0.2.9")
        assert server.asked == [("forget", {"table": "gw", "keys": [["", ""]]})]
        assert "failed, last for 42 s" in cli("gateway", "list").stdout
        told = json.loads(cli("gateway", "list", "--json").stdout)
        assert (told[0]["gw_name"], told[0]["group"], told[0]["rests"]) == ("one", "one", 42)
        server.answers["gateways"] = ControlError(500, "it is busy")
        assert cli("gateway", "list").exit_code == 0

    def test_what_would_become_of_a_call(self, cli: CommandLine, server: Server) -> None:
        ways = [
            {"gateway": "one", "uri": "sip:089@192.0.2.9"},
            {"gateway": "two", "uri": "sip:089@192.0.2.10"},
        ]
        server.answers["route"] = {
            "needed": "ld",
            "groups": ["ld", "local"],
            "allowed": True,
            "gateways": ways,
        }
        assert cli("route", "show", "10", "089").stdout.splitlines() == [
            "user        10@example.org",
            "permission  ld",
            "has         ld, local",
            "may call    yes",
            "gateways    one as sip:089@192.0.2.9, then two as sip:089@192.0.2.10",
        ]
        assert server.asked[-1] == ("route", {"caller": "10@example.org", "number": "089"})
        server.answers["route"] = {"needed": None, "groups": [], "allowed": False, "gateways": []}
        assert "nobody may call it" in cli("route", "show", "10", "089").stdout
        assert json.loads(cli("route", "show", "10", "089", "--json").stdout)["allowed"] is False
        server.answers["route"] = ControlError(400, "7 is no telephone number")
        assert cli("route", "show", "10", "7").exit_code == 1


class TestApply:
    def apply(self, cli: CommandLine, text: str, *options: str) -> tuple[int, str, str]:
        file = Path(cli.directory) / "gateways.yml"
        file.write_text(text)
        done = cli("gateway", "apply", str(file), *options)
        return done.exit_code, done.stdout, done.stderr

    def test_all_of_it_is_made_and_made_once(self, cli: CommandLine, database: Database) -> None:
        code, shown, told = self.apply(cli, FILE, "--diff")
        assert (code, told) == (0, "added: 6, changed: 0, removed: 0\n")
        assert shown.splitlines() == [
            "+ gateway one at 192.0.2.9",
            "+ gateway two at 2001:db8::9",
            "+ route of any number to group 1",
            "+ route of 00 to group 2",
            "+ trusted 192.0.2.1 (udp)",
            "+ trusted 192.0.2.0/24",
        ]
        assert self.apply(cli, FILE)[2] == "added: 0, changed: 0, removed: 0\n"
        assert sql(database, "select grp_id, grp_name from gw_grp") == [(1, "carrier"), (2, "two")]

    def test_what_differs_is_changed_and_what_is_gone_goes_when_asked(
        self, cli: CommandLine, database: Database
    ) -> None:
        self.apply(cli, FILE)
        changed = FILE.replace("192.0.2.9", "192.0.2.8").replace("  - {address: 192.0.2.0/24}\n", "")
        assert (
            self.apply(cli, changed, "--check")[2]
            == "would be added: 0, would be changed: 1, would be removed: 0\n"
        )
        assert sql(database, "select ip_addr from gw where gw_name = 'one'") == [("192.0.2.9",)]
        assert self.apply(cli, changed)[2] == "added: 0, changed: 1, removed: 0\n"
        assert self.apply(cli, changed, "--remove", "--yes")[2] == "added: 0, changed: 0, removed: 1\n"
        assert sql(database, "select ip_addr from gw where gw_name = 'one'") == [("192.0.2.8",)]
        assert sql(database, "select count(*) from address") == [(0,)]
        assert self.apply(cli, "{}", "--remove", "--yes")[0] == 0
        assert sql(database, "select count(*) from gw_grp") == [(0,)]

    def test_removing_asks(self, cli: CommandLine, database: Database) -> None:
        self.apply(cli, FILE)
        file = Path(cli.directory) / "gateways.yml"
        file.write_text("{}")
        assert cli("gateway", "apply", str(file), "--remove", typed="n\n").exit_code == 1
        assert sql(database, "select count(*) from gw") == [(2,)]
        assert cli("gateway", "apply", str(file), "--remove", typed="y\n").exit_code == 0
        assert sql(database, "select count(*) from gw") == [(0,)]

    def test_json_for_programs_on_standard_input(self, cli: CommandLine) -> None:
        done = cli(
            "gateway", "apply", "-", "--json", typed='{"gateways": [{"name": "a", "address": "192.0.2.9"}]}'
        )
        told = json.loads(done.stdout)
        assert (told["changed"], told["added"]) == (True, ["gateway a at 192.0.2.9"])

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("- a", "has to hold lists under gateways, routes, trusted"),
            ("phones: []", "has to hold lists under"),
            ("gateways: 5", "gateways has to be a list"),
            ("gateways: [5]", "gateways, entry 1: has to be a mapping"),
            ("gateways: [{name: a}]", "gateways, entry 1: has no address"),
            ("gateways: [{name: a, address: b}]", "gateways, entry 1: ADDRESS: 'b' is no IP address"),
            ("gateways: [{name: a, address: 192.0.2.1, colour: red}]", "there is no 'colour'"),
            ("gateways: [{name: a, address: 192.0.2.1, port: x}]", "the port 'x' has to be a number"),
            ("gateways: [{name: a, address: 192.0.2.1, transport: sctp}]", "is none of any, udp, tcp, tls"),
            ("routes: [{prefix: any, group: a}]", "leads to the group 'a', and no gateway is in it"),
            ("trusted: [{address: 192.0.2.0/24, tag: int}]", "a network has a port only"),
            ("trusted: [{address: 192.0.2.1, proto: sctp}]", "is none of any, udp, tcp, tls, none"),
            ("a: [", "cannot be read"),
        ],
    )
    def test_what_cannot_be_is_refused_and_nothing_is_done(
        self, cli: CommandLine, database: Database, text: str, problem: str
    ) -> None:
        code, _, told = self.apply(cli, text)
        assert (code, problem in told) == (1, True), told
        assert len(told.splitlines()) == 1
        assert sql(database, "select count(*) from gw") == [(0,)]
