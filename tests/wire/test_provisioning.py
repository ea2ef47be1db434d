"""Phones get their configuration from a real agent over real HTTP, and nobody else gets anything."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.provisioning import GRANDSTREAM, PHONES, SNOM, YEALINK, PhoneBox, cfg_values, failregex
from tests.harness.sipbox import REPOSITORY
from tests.harness.waiting import wait_until

FILTER = REPOSITORY / "templates" / "fail2ban" / "sipbox-phones.filter"


@pytest.fixture
def box(database_url: str | None) -> Iterator[PhoneBox]:
    """A server with its agent and three phones, which came from a file."""
    with PhoneBox(database_url) as box:
        box.apply()
        yield box


def test_a_phone_registers_with_what_it_was_served(box: PhoneBox) -> None:
    told = cfg_values(box.get(f"/{box.token(YEALINK)}/{YEALINK}.cfg").body)
    assert told["account.2.password"] == "given-20"
    assert told["account.1.display_name"] == "10"
    for line in ("1", "2"):
        user, password = told[f"account.{line}.auth_name"], told[f"account.{line}.password"]
        with box.phone(user, password) as phone:
            assert phone.register().status == 200
    binary = box.get(f"/{box.token(GRANDSTREAM)}/cfg{GRANDSTREAM}")
    assert binary.body[6:12] == bytes.fromhex(GRANDSTREAM)
    values = parse_qs(binary.body[16:].decode().rstrip("\0"))
    assert values["P34"] == [told["account.1.password"]]  # one user, one password
    assert values["P3"] == ["Reception"]


def test_applied_twice_nothing_changes(box: PhoneBox) -> None:
    before = box.sql("select * from phone_line order by id") + box.sql("select * from phone order by id")
    assert box.apply() == "added: 0, changed: 0, removed: 0\n"
    told = json.loads(box.cli("phone", "apply", "-", "--check", "--json", typed=PHONES).stdout)
    assert told["changed"] is False
    assert (
        box.sql("select * from phone_line order by id") + box.sql("select * from phone order by id") == before
    )
    said = box.apply(PHONES.replace("d785", "d735").replace("language: de", "language: fr"), "--check")
    assert said.splitlines() == [
        f"~ {YEALINK} t46s: language: 'de' -> 'fr'",
        f"~ {SNOM} d735: model: 'd785' -> 'd735'",
        "would be added: 0, would be changed: 2, would be removed: 0",
    ]


def test_only_that_phone_gets_it(box: PhoneBox) -> None:
    own, other, off = box.token(YEALINK), box.token(GRANDSTREAM), box.token(SNOM)
    box.cli("phone", "disable", SNOM)
    nothing = box.get(f"/{own}/nothing.rom")
    paths = [
        f"/{other}/{YEALINK}.cfg",
        f"/{'x' * 27}/{YEALINK}.cfg",
        f"/{off}/{SNOM.upper()}.xml",
        f"/{own}x/a",
    ]
    for path in paths:
        answer = box.get(path)
        assert (answer.status, answer.body) == (404, nothing.body)
        same = [{k: v for k, v in each.headers.items() if k != "date"} for each in (answer, nothing)]
        assert same[0] == same[1]
    wait_until("four lines", lambda: len(box.denials) == 4)
    assert box.denials == [
        f'127.0.0.1 refused "file of another phone" mac={GRANDSTREAM}',
        f'127.0.0.1 refused "wrong secret" mac={YEALINK}',
        f'127.0.0.1 refused "disabled" mac={SNOM}',
        '127.0.0.1 refused "wrong secret"',
    ]
    pattern = failregex(FILTER)
    assert [found["host"] for line in box.denials if (found := pattern.match(line))] == ["127.0.0.1"] * 4
    for token in (own, other, off):
        assert token not in box.agent_log
    box.cli("phone", "enable", SNOM)
    assert box.get(f"/{off}/{SNOM.upper()}.xml").status == 200


def test_no_password_stands_where_it_can_be_read(box: PhoneBox) -> None:
    password = cfg_values(box.get(f"/{box.token(YEALINK)}/{YEALINK}.cfg").body)["account.1.password"]
    shown = [box.cli("phone", *verb).stdout for verb in (("list", "--json"), ("show", YEALINK), ("dhcp",))]
    rows = [str(box.sql(f"select * from {table}")) for table in ("phone", "phone_line", "subscriber")]
    for text in [*shown, *rows, box.agent_log, box.log, box.apply(PHONES, "--new-passwords")]:
        assert password not in text
        assert "given-20" not in text


def test_digest_for_phones_that_take_no_path(box: PhoneBox) -> None:
    token = box.token(YEALINK)
    answer = box.digest(f"{YEALINK}.cfg", YEALINK, token)
    assert answer.status == 200
    assert cfg_values(answer.body)["account.2.password"] == "given-20"
    assert box.digest("y000000000066.cfg", YEALINK, token).status == 200
    assert box.digest(f"{YEALINK}.cfg", YEALINK, "wrong").status in (401, 404)
    assert box.digest(f"cfg{GRANDSTREAM}", YEALINK, token).status == 404
    assert box.get(f"/{YEALINK}.cfg").headers["www-authenticate"].startswith("Digest realm=")


def test_parts_heads_and_logs(box: PhoneBox) -> None:
    path = f"/{box.token(YEALINK)}/{YEALINK}.cfg"
    whole = box.get(path)
    part = box.get(path, Range="bytes=2-8")
    assert (part.status, part.body) == (206, whole.body[2:9])
    head = box.get(path, method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(whole.body)))
    assert box.get(f"/{box.token(YEALINK)}/{YEALINK}-app.log", method="PUT").status == 200


def test_who_asks_is_listed(box: PhoneBox) -> None:
    def listed() -> dict[str, tuple[str, str]]:
        told = json.loads(box.cli("phone", "list", "--json").stdout)
        known = {each["mac"]: (each["state"], each["last_address"]) for each in told["phones"]}
        return known | {each["mac"]: ("unknown", each["address"]) for each in told["unknown"]}

    assert listed()[YEALINK] == ("never seen", "")
    box.get(f"/{box.token(YEALINK)}/{YEALINK}.cfg", **{"User-Agent": "Yealink SIP-T46S 66.85.0.5"})
    box.get("/001565999999.cfg")
    assert listed() == {
        GRANDSTREAM: ("never seen", ""),
        YEALINK: ("up to date", "127.0.0.1"),
        SNOM: ("never seen", ""),
        "001565999999": ("unknown", "127.0.0.1"),
    }
    box.apply(PHONES.replace("language: de", "language: fr"))
    assert listed()[YEALINK] == ("waits for resync", "127.0.0.1")
    box.get(f"/{box.token(YEALINK)}/{YEALINK}.cfg")
    assert listed()[YEALINK] == ("up to date", "127.0.0.1")


def test_a_changed_password_reaches_the_phone(box: PhoneBox) -> None:
    box.cli("subscriber", "passwd", "10", typed="brand-new\n")
    told = cfg_values(box.get(f"/{box.token(YEALINK)}/{YEALINK}.cfg").body)
    assert told["account.1.password"] == "brand-new"
    with box.phone("10", "brand-new") as phone:
        assert phone.register().status == 200
    assert box.apply() == "added: 0, changed: 0, removed: 0\n"


def test_resync_reaches_the_registered_phone(box: PhoneBox) -> None:
    told = cfg_values(box.get(f"/{box.token(YEALINK)}/{YEALINK}.cfg").body)
    with box.phone("10", told["account.1.password"]) as phone:
        assert phone.register().status == 200
        printed: list[str] = []
        asked = threading.Thread(target=lambda: printed.append(box.cli("phone", "resync", "10").stdout))
        asked.start()
        notify = phone.expect("NOTIFY", timeout=30)
        phone.reply(notify, 200)
        asked.join(60)
        assert notify.get("Event") == "check-sync"
        assert "200 OK" in printed[0]
    failed = box.cli("phone", "resync", "20", check=False)
    assert (failed.returncode, failed.stderr) == (1, "sipbox: 20@127.0.0.1 has no phone registered\n")


def test_added_and_removed_by_hand(box: PhoneBox) -> None:
    box.cli("phone", "add", "00:04:f2:00:00:01", "vvx411", "30", "31", "--display-name", "Door")
    url = json.loads(box.cli("phone", "show", "0004f2000001", "--json").stdout)["url"]
    path = url.partition(str(box.phones_port))[2]
    assert b"reg.2.auth.password" in box.get(f"{path}0004f2000001-user.cfg").body
    box.cli("phone", "renew", "0004f2000001")
    assert box.get(f"{path}0004f2000001-user.cfg").status == 404
    assert box.apply(PHONES, "--remove", "--yes").endswith("removed: 0\n")  # the file did not make it
    box.cli("phone", "remove", "0004f2000001", "--yes")
    missing = box.cli("phone", "show", "0004f2000001", check=False)
    assert (missing.returncode, missing.stderr) == (
        1,
        "sipbox: there is no phone 0004f2000001; 'sipbox phone list' shows all\n",
    )


CANNOT_BE = (
    ("- {model: t46s, user: 10}", "mac: is missing"),
    (f'- {{mac: "{YEALINK}", model: t99x, user: 10}}', "model: 't99x' is unknown"),
    (f'- {{mac: "{YEALINK}", model: t46s}}', "user: is missing"),
    (f'- {{mac: "{YEALINK}", model: t46s, user: 10@elsewhere.example}}', "is not served"),
    (f'- {{mac: "{YEALINK}", model: t46s, user: "22"}}', "the password of 22@127.0.0.1 is not known here"),
    ('- {mac: "000413000001", model: d785, user: "24"}', "stands there twice"),
)


def test_what_cannot_be_is_one_line_and_changes_nothing() -> None:
    box = PhoneBox()  # not started: the command works with the database alone
    try:
        box.create_database()
        box.cli("subscriber", "add", "22", typed="secret\n")
        good = '- {mac: "000413000001", model: d785, user: "23"}\n'
        for text, said in CANNOT_BE:
            done = box.cli("phone", "apply", "-", typed=good + text, check=False)
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1
            assert said in done.stderr
            assert "standard input:2: " in done.stderr
            assert box.sql("select * from phone") == []
            assert box.sql("select username from subscriber") == [("22",)]
    finally:
        box.close()


def test_too_many_requests_of_one_address() -> None:
    with PhoneBox(requests_per_minute=30) as box:
        box.apply()
        path = f"/{box.token(YEALINK)}/{YEALINK}.cfg"
        answers = [box.get(path).status for _ in range(40)]
        assert answers[0] == 200
        assert 429 in answers
        wait = int(box.get(path).headers.get("retry-after", "0"))
        assert 0 <= wait <= 3


def test_over_https(tmp_path: Path) -> None:
    certificate, key = tmp_path / "phones.pem", tmp_path / "phones.pem.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
        "-days",
        "2",
    ]
    made = subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], capture_output=True)
    assert made.returncode == 0, made.stderr
    with PhoneBox(certificate=str(certificate), certificate_key=str(key)) as box:
        box.apply()
        shown = json.loads(box.cli("phone", "show", YEALINK, "--json").stdout)
        assert shown["url"] == f"https://127.0.0.1:{box.phones_port}/{box.token(YEALINK)}/"
        assert box.get(f"/{box.token(YEALINK)}/{YEALINK}.cfg", scheme="https").status == 200


def test_while_the_database_is_away_phones_come_again_later() -> None:
    with MariaDB() as server, PhoneBox(server.url("openser_phones")) as box:
        box.apply()
        path = f"/{box.token(YEALINK)}/{YEALINK}.cfg"
        assert box.get(path).status == 200
        server.stop()
        away = box.get(path)
        assert (away.status, away.headers["retry-after"]) == (503, "30")
        assert box.get(f"/{YEALINK}.cfg").status in (401, 503)
        server.start()
        wait_until("the phone is served again", lambda: box.get(path).status == 200, timeout=60)
        assert box.agent is not None
        assert box.agent.running


def test_without_its_key_the_agent_says_so_in_one_line() -> None:
    with PhoneBox() as box:
        box.key.chmod(0o644)
        done = box.cli("agent", check=False, timeout=60)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"phones.key_file: everybody may read {box.key}" in done.stderr


# ------------------------------------------------------------------------------------------------ SIP PnP


def subscribe(mac: str, port: int, call_id: str) -> bytes:
    lines = [
        f"SUBSCRIBE sip:MAC{mac}@224.0.1.75 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call_id};rport",
        "Max-Forwards: 20",
        f"From: <sip:MAC{mac}@224.0.1.75>;tag=1",
        f"To: <sip:MAC{mac}@224.0.1.75>",
        f"Call-ID: {call_id}",
        "CSeq: 1 SUBSCRIBE",
        f"Contact: <sip:127.0.0.1:{port}>",
        'Event: ua-profile;profile-type="device";vendor="Yealink";model="T46S";version="66.85.0.5"',
        "Expires: 0",
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_a_phone_that_asks_by_multicast_is_told_its_url() -> None:
    with PhoneBox(pnp=True, pnp_interface="127.0.0.1") as box, socket.socket(type=socket.SOCK_DGRAM) as phone:
        box.apply()
        phone.bind(("127.0.0.1", 0))
        loopback = struct.pack("4s", socket.inet_aton("127.0.0.1"))
        phone.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        phone.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        port = phone.getsockname()[1]

        def heard(mac: str) -> list[bytes]:
            """What comes within a second to a request that nobody else makes."""
            phone.sendto(subscribe(mac, port, f"{mac}-{time.monotonic_ns()}"), ("224.0.1.75", 5060))
            messages = []
            phone.settimeout(1)
            try:
                while True:
                    data, source = phone.recvfrom(65_535)
                    messages.append(data)
                    if data.startswith(b"NOTIFY"):
                        phone.sendto(_ok(data), source)
            except TimeoutError:
                return messages

        told = wait_until("an answer", lambda: heard(YEALINK), timeout=30)
        assert told[0].startswith(b"SIP/2.0 200 ")
        assert told[1].startswith(f"NOTIFY sip:127.0.0.1:{port} SIP/2.0".encode())
        url = told[1].partition(b"\r\n\r\n")[2].decode()
        assert url == f"http://127.0.0.1:{box.phones_port}/{box.token(YEALINK)}/"
        assert b"Content-Type: application/url" in told[1]
        assert heard("001565999999") == []
        box.cli("phone", "disable", SNOM)
        assert heard(SNOM) == []
        listed = json.loads(box.cli("phone", "list", "--json").stdout)["unknown"]
        assert [(each["mac"], each["how"]) for each in listed] == [("001565999999", "pnp")]
        password = cfg_values(box.get(f"{url.partition(str(box.phones_port))[2]}{YEALINK}.cfg").body)
        with box.phone("10", password["account.1.password"]) as registering:
            assert registering.register().status == 200  # the SIP server's sockets are not disturbed


def _ok(notify: bytes) -> bytes:
    lines = notify.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    kept = [line for line in lines if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
    return b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""])
