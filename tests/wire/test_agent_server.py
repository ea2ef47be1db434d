"""FIFO, HTTP and control socket against the running server, with a phone at the other end."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.agent.commands import COMMANDS
from appliance.control import call, stream
from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

CLIENT = Path(__file__).with_name("openser_fifo_client.sh")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def server(request: pytest.FixtureRequest) -> Iterator[Sipbox]:
    url = None if request.param == "sqlite" else request.getfixturevalue("mariadb").url("openser_agent")
    with Sipbox(url, agent=True) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        yield box


@pytest.fixture
def phone(server: Sipbox) -> Iterator[Phone]:
    with server.phone("10", "secret-10") as phone:
        assert phone.register().status == 200
        yield phone
        phone.register(expires=0)


def fifo(box: Sipbox, command: str, *arguments: str, timeout: float = 45) -> str:
    """What the plain shell client prints."""
    paths = [str(box.directory / "fifo"), str(box.directory / "replies")]
    done = subprocess.run(
        [CLIENT, *paths, command, *arguments], capture_output=True, text=True, timeout=timeout, check=True
    )
    assert not done.stderr
    return done.stdout


def get(box: Sipbox, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", box.agent_port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def state(box: Sipbox) -> str:
    return str(json.loads(get(box, "/status")[1])["state"])


# ------------------------------------------------------------------------------------------------------------
# core


def test_the_process_that_is_reported_is_the_sip_process(server: Sipbox) -> None:
    up_time = fifo(server, "uptime").splitlines()[2]
    assert up_time.startswith("Up time:: ")
    assert 0 <= int(up_time.split()[2]) < 300
    assert fifo(server, "version").startswith("Server:: sipbox (")
    assert f"PID={server.pid} Type=SIP server @ udp:127.0.0.1:{server.port}" in fifo(server, "ps")
    assert fifo(server, "pwd") == f"WD:: {Path(f'/proc/{server.pid}/cwd').readlink()}\n"
    assert "serve\n" in fifo(server, "arg")
    assert fifo(server, "which").splitlines() == sorted(COMMANDS)


def test_statistics_count_what_happens(server: Sipbox, phone: Phone) -> None:
    lines = fifo(server, "get_statistics", "all").splitlines()
    assert len(lines) == 46
    numbers = dict(line.split(" = ") for line in lines)
    assert int(numbers["usrloc:registered_users"]) == 1
    assert int(numbers["core:rcv_requests"]) >= 2
    before = int(numbers["registrar:accepted_regs"])
    assert phone.register().status == 200
    assert fifo(server, "get_statistics", "accepted_regs") == f"registrar:accepted_regs = {before + 1}\n"
    assert fifo(server, "reset_statistics", "accepted_regs") == ""
    assert fifo(server, "get_statistics", "accepted_regs") == "registrar:accepted_regs = 0\n"


def test_every_message_is_shown_in_the_log_while_that_is_wanted(server: Sipbox, phone: Phone) -> None:
    assert fifo(server, "sip_trace") == "off\n"
    assert fifo(server, "sip_trace", "on") == ""
    assert fifo(server, "sip_trace") == "on\n"
    assert phone.register().status == 200
    wait_until("the message is shown", lambda: f"Contact: <{phone.contact}>" in server.log)
    assert fifo(server, "sip_trace", "off") == ""
    assert fifo(server, "sip_trace") == "off\n"
    shown = server.log.count("REGISTER sip:")
    assert phone.register().status == 200
    assert server.log.count("REGISTER sip:") == shown


# ---------------------------------------------------------------------------------------------------------
# locations


def test_a_registered_phone_is_shown(server: Sipbox, phone: Phone) -> None:
    (line,) = fifo(server, "ul_show_contact", "location", "10@127.0.0.1").splitlines()
    assert line.startswith(f"Contact:: <{phone.contact}>;q=;expires=3")
    assert f"socket=<udp:127.0.0.1:{server.port}>" in line
    dump = fifo(server, "ul_dump").splitlines()
    assert dump[0] == "Domain:: location table=512 records=1 max_slot=1"
    assert dump[1] == "\tAOR:: 10@127.0.0.1"
    assert dump[2] == f"\t\tContact:: {phone.contact} Q="
    assert "\t\t\tState:: CS_SYNC" in dump


def test_a_contact_added_by_hand_is_in_the_table_and_survives_a_power_cut(server: Sipbox) -> None:
    contact = "sip:gateway@127.0.0.1:5999"
    rest = ["0", "0.5", "0", "128", "0", "4294967295"]
    assert fifo(server, "ul_add", "location", "12@127.0.0.1", contact, *rest) == ""
    assert server.sql("select username, contact, callid from location where username = '12'") == [
        ("12", contact, "dfjrewr12386fd6-343@openser.mi")
    ]
    server.kill9()
    server.start()
    assert "Expires:: permanent" in fifo(server, "ul_dump")
    assert fifo(server, "ul_rm_contact", "location", "12@127.0.0.1", "sip:other") == "404 Contact not found\n"
    assert fifo(server, "ul_rm_contact", "location", "12@127.0.0.1", contact) == ""
    assert fifo(server, "ul_rm_contact", "location", "12@127.0.0.1", contact) == "404 AOR not found\n"
    assert server.sql("select username from location where username = '12'") == []


def test_a_removed_phone_is_gone_from_the_table(server: Sipbox, phone: Phone) -> None:
    assert fifo(server, "ul_rm", "location", "10@127.0.0.1") == ""
    assert fifo(server, "ul_show_contact", "location", "10@127.0.0.1") == "404 AOR not found\n"
    assert server.sql("select username from location where username = '10'") == []
    assert fifo(server, "ul_flush") == ""


# -------------------------------------------------------------------------------------------------------
# transactions


def test_a_request_reaches_the_phone_and_its_answer_comes_back(server: Sipbox, phone: Phone) -> None:
    def answer() -> None:
        request = phone.expect("OPTIONS")
        phone.reply(request, 200, "OK", headers=[("X-Here", "yes")])

    answering = threading.Thread(target=answer)
    answering.start()
    headers = '"From: <sip:admin@127.0.0.1>\r\nTo: <sip:10@127.0.0.1>\r\n"'
    lines = fifo(server, "t_uac_dlg", "OPTIONS", "sip:10@127.0.0.1", ".", ".", headers).splitlines()
    answering.join()
    assert lines[0] == "200 OK"
    assert "X-Here: yes" in lines


def test_a_user_without_a_phone_is_not_there(server: Sipbox) -> None:
    headers = '"From: <sip:admin@127.0.0.1>\r\nTo: <sip:11@127.0.0.1>\r\n"'
    arguments = ["OPTIONS", f"sip:11@127.0.0.1:{server.port}", ".", ".", headers]
    assert fifo(server, "t_uac_dlg", *arguments).splitlines()[0] == "480 Temporarily Unavailable"


def test_errors_of_requests(server: Sipbox) -> None:
    assert fifo(server, "t_uac_dlg", "OPTIONS", "nonsense", ".", ".", ".") == "400 Invalid RURI\n"
    assert fifo(server, "t_uac_dlg", "OPTIONS", "sip:x@127.0.0.1:9", ".", ".", ".") == "400 To missing\n"
    assert fifo(server, "t_uac_cancel", "nobody", "1") == "481 No such transaction\n"
    assert fifo(server, "t_reply", "200", "OK", "1:2", "tag", ".") == "404 Transaction not found\n"


def test_a_call_is_cancelled_by_hand(server: Sipbox, phone: Phone) -> None:
    with server.phone("11", "secret-11") as caller:
        invite = caller.invite("10")
        ringing = phone.expect("INVITE")
        phone.reply(ringing, 180, "Ringing")
        caller.expect(180)
        assert fifo(server, "t_uac_cancel", invite.call_id, str(invite.cseq[0])) == ""
        phone.reply(phone.expect("CANCEL"), 200)
        phone.reply(ringing, 487, "Request Terminated")
        refused = caller.final(invite)
        assert refused.status == 487
        caller.send(caller.ack(invite, refused))
        phone.expect("ACK")


def test_a_call_is_refused_by_hand(server: Sipbox, phone: Phone) -> None:
    with server.phone("11", "secret-11") as caller:
        invite = caller.invite("10")
        ringing = phone.expect("INVITE")
        phone.reply(ringing, 180, "Ringing")
        caller.expect(180)
        rows = call(str(server.directory / "control.sock"), "transactions")
        (row,) = [
            row for row in rows if row["kind"] == "invite_server" and row.get("call_id") == invite.call_id
        ]
        assert fifo(server, "t_reply", "486", "Not Now", row["id"], "by-hand", ".") == ""
        refused = caller.final(invite)
        assert (refused.status, refused.reason, refused.tag("To")) == (486, "Not Now", "by-hand")
        caller.send(caller.ack(invite, refused))
        phone.reply(phone.expect("CANCEL"), 200)
        phone.reply(ringing, 487, "Request Terminated")
        phone.expect("ACK")


def test_a_call_of_our_own_with_its_acknowledgement(server: Sipbox, phone: Phone) -> None:
    def answer() -> None:
        invite = phone.expect("INVITE")
        phone.reply(invite, 180, "Ringing")
        phone.reply(invite, 200, "OK")

    answering = threading.Thread(target=answer)
    answering.start()
    headers = "From: <sip:admin@127.0.0.1>\r\nTo: <sip:10@127.0.0.1>\r\nContact: <sip:admin@!!>\r\n"
    answers = call(
        str(server.directory / "control.sock"),
        "uac",
        method="INVITE",
        ruri="sip:10@127.0.0.1",
        headers=headers,
    )
    answering.join()
    assert [each["status"] for each in answers] == [180, 200]
    assert answers[1]["request_uri"] == phone.contact
    assert phone.expect("ACK").cseq == (10, "ACK")


def test_the_hash_counts_transactions(server: Sipbox) -> None:
    lines = fifo(server, "t_hash").splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]
    assert all("Current=" in line and "Total=" in line for line in lines)


# --------------------------------------------------------------------------------------------- HTTP and the
# agent's socket


def test_the_pages(server: Sipbox, phone: Phone) -> None:
    status, text = get(server, "/status")
    told = json.loads(text)
    assert (status, told["state"], told["bindings"], told["pid"]) == (200, "ok", 1, server.pid)
    status, text = get(server, "/")
    assert status == 200
    assert phone.contact in text
    assert get(server, "/health")[0] == get(server, "/ready")[0] == 200
    status, text = get(server, "/metrics")
    assert "sipbox_up 1.0" in text
    assert 'sipbox_bindings_active{transport="udp"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_commands_by_the_agents_socket(server: Sipbox, phone: Phone) -> None:
    path = str(server.directory / "agent.sock")
    assert call(path, "online") == ["10@127.0.0.1"]
    assert [row["contact"] for row in call(path, "registrations", aor="10@127.0.0.1")] == [phone.contact]
    answering = threading.Thread(target=lambda: phone.reply(phone.expect("OPTIONS"), 200, "OK"))
    answering.start()
    (row,) = call(path, "ping", uri="10@127.0.0.1")
    answering.join()
    assert (row["status"], row["answered"]) == (200, True)


def test_a_trace_by_the_agents_socket(server: Sipbox, phone: Phone) -> None:
    entries = stream(str(server.directory / "agent.sock"), "trace", method="REGISTER")
    wanted = {"REGISTER", "200 (OK) concerning REGISTER"}
    seen: set[str] = set()

    def read() -> None:
        for entry in entries:
            seen.add(entry["headline"])
            if wanted <= seen:
                return

    reading = threading.Thread(target=read)
    reading.start()
    deadline = time.monotonic() + 5
    while reading.is_alive():
        assert time.monotonic() < deadline
        assert phone.register().status == 200
        time.sleep(0.05)


# ------------------------------------------------------------------------------------------- one process,
# and its end


@pytest.mark.mariadb
def test_while_the_database_is_away() -> None:
    with MariaDB() as database, Sipbox(database.url("openser"), agent=True) as box:
        database.kill()
        wait_until("degraded", lambda: state(box) == "degraded", timeout=30)
        arguments = ["location", "12@127.0.0.1", "sip:12@127.0.0.1:5999", "600", "1", "0", "0", "0", "0"]
        assert fifo(box, "ul_add", *arguments) == ""
        assert "Contact:: sip:12@127.0.0.1:5999" in fifo(box, "ul_dump")
        assert get(box, "/ready")[0] == get(box, "/health")[0] == 200
        assert "The database does not answer" in get(box, "/")[1]
        assert "sipbox_database_up 0.0" in get(box, "/metrics")[1]
        database.start()
        wait_until("all well again", lambda: state(box) == "ok", timeout=30)
        assert box.sql("select username from location") == [("12",)]
        assert "sipbox_database_up 1.0" in get(box, "/metrics")[1]


@pytest.mark.parametrize("mode", ["memory", "write-back", "database"])
def test_contacts_by_hand_in_the_other_location_modes(mode: str) -> None:
    with Sipbox(agent=True, settings={"registrar": {"location_mode": mode}}) as box:
        arguments = ["location", "12@127.0.0.1", "sip:12@127.0.0.1:5999", "600", "1", "0", "0", "0", "0"]
        assert fifo(box, "ul_add", *arguments) == ""
        dump = fifo(box, "ul_dump")
        assert "\tAOR:: 12@127.0.0.1\n" in dump
        states = {"memory": "CS_NEW", "write-back": "CS_DIRTY", "database": "CS_SYNC"}
        assert f"State:: {states[mode]}\n" in dump
        assert call(str(box.directory / "agent.sock"), "online") == ["12@127.0.0.1"]
        assert fifo(box, "ul_flush") == ""
        rows = box.sql("select username from location")
        assert rows == ([] if mode == "memory" else [("12",)])
        if mode == "write-back":
            assert "State:: CS_SYNC\n" in fifo(box, "ul_dump")
        assert fifo(box, "ul_rm", "location", "12@127.0.0.1") == ""
        assert "records=0" in fifo(box, "ul_dump")


def test_server_and_agent_in_one_process() -> None:
    box = Sipbox()
    try:
        box.create_database()
        box.process = box._spawn("serve", "--with-agent")
        box.wait_until_ready()
        (line,) = fifo(box, "ps").splitlines()
        assert line.startswith(f"Process::  ID=0 PID={box.pid} Type=SIP server @ udp:127.0.0.1:{box.port}")
        assert get(box, "/ready")[0] == 200
        assert fifo(box, "kill") == ""
        assert box.process.wait(10) == 0
        assert not (box.directory / "fifo").exists()
    finally:
        box.close()


def test_kill_ends_the_server_and_the_agent_says_so() -> None:
    with Sipbox(agent=True) as box:
        assert box.process is not None
        assert box.agent is not None
        assert fifo(box, "kill") == ""
        assert box.process.wait(10) == 0
        started = time.monotonic()
        assert fifo(box, "uptime") == "500 command 'uptime' failed\n"
        assert time.monotonic() - started < 2
        assert get(box, "/health")[0] == get(box, "/ready")[0] == get(box, "/")[0] == 503
        assert "sipbox_up 0.0" in get(box, "/metrics")[1]
        box.start()
        assert fifo(box, "version").startswith("Server:: sipbox (")
        assert box.agent.stop() == 0
        assert not (box.directory / "fifo").exists()
        assert not (box.directory / "agent.sock").exists()
