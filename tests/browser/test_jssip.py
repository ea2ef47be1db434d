"""JsSIP in Chromium: two pages register by secure WebSocket, call one another, and hear one another."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.harness.authority import Authority
from tests.harness.browser import Browser, Page
from tests.harness.npm import packages
from tests.harness.phone import Dialog, Phone
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.relay import Relay
from tests.harness.rtp import RtpPhone, converse, media_of
from tests.harness.rtpengine import Rtpengine
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

HERE = Path(__file__).parent
PAGE = "<!doctype html><meta charset=utf-8><title>Phone</title><script src=phone.js></script>"
DOMAIN = "example.org"
IPV6 = "::1"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is served."""
    place = packages()
    served = tmp_path_factory.mktemp("page")
    (served / "index.html").write_text(PAGE)
    (place / "phone.js").write_bytes((HERE / "phone.js").read_bytes())
    bundle = [place / "node_modules" / ".bin" / "esbuild", "phone.js", "--bundle", "--log-level=error"]
    subprocess.run([*bundle, f"--outfile={served / 'phone.js'}"], cwd=place, check=True)
    server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Quiet, directory=str(served)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{LOOPBACK}:{server.server_port}/index.html"
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


class Site:
    """A server that browsers reach by wss and ws, and a browser that believes its certificate."""

    def __init__(self, directory: Path, pages: str, engine: Rtpengine) -> None:
        authority = Authority(directory)
        certificate, key = authority.issue(LOOPBACK, IPV6)
        self.pages = pages
        self.ports = {"wss": free_port(), "ws": free_port()}
        self.box = Sipbox(
            settings={
                "tls": {"certificate": str(certificate), "certificate_key": str(key)},
                "websocket": {"origins": [pages.removesuffix("/index.html")]},
                "media": {"mode": "nated", "nodes": [engine.node]},
                "nat": {"keepalive": "crlf", "keepalive_seconds": 2},
            }
        )
        listen = [f"udp:{LOOPBACK}:{self.box.port}"]
        listen += [
            f"{each}:{host}:{port}" for each, port in self.ports.items() for host in (LOOPBACK, f"[{IPV6}]")
        ]
        self.box.write_settings({"sip": {"listen": listen, "domains": [DOMAIN]}})
        public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
        spki = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.browser = Browser(trusted=base64.b64encode(hashlib.sha256(spki).digest()).decode())

    def phone(
        self, user: str, transport: str, password: str = "", host: str = LOOPBACK, port: int = 0
    ) -> Page:
        page = self.browser.open(self.pages)
        server = f"{transport}://{host}:{port or self.ports[transport]}"
        secret = password or f"secret-{user}"
        page.ask(f"makePhone('{server}', '{user}', '{secret}', '{DOMAIN}', undefined)")
        return page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("authority")
    with Rtpengine(directory) as engine:
        made = Site(directory, pages, engine)
        with made.box as box, made.browser:
            box.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
            yield made


def happened(page: Page, what: str) -> None:
    try:
        wait_until(
            what, lambda: any(each.startswith(what) for each in page.ask("told")), timeout=30, every=0.1
        )
    except AssertionError as error:
        raise AssertionError(f"{error}; it told {page.ask('told')}; {page.said[-20:]}") from None


def test_two_pages_call_one_another_and_hear_one_another(site: Site) -> None:
    caller, callee = site.phone("10", "wss"), site.phone("11", "ws")
    for page in (caller, callee):
        happened(page, "registered")
    rows = dict(site.box.sql("select username, socket from location"))
    assert rows == {
        "10": f"wss:{LOOPBACK}:{site.ports['wss']}",
        "11": f"ws:{LOOPBACK}:{site.ports['ws']}",
    }
    for one, other, target in ((caller, callee, "11"), (callee, caller, "10")):
        for page in (one, other):
            page.ask("told.length = 0")
        one.ask(f"dial('sip:{target}@{DOMAIN}'); 0")
        happened(other, "called")
        for page in (one, other):
            happened(page, "confirmed")
            wait_until("sound comes", lambda page=page: page.ask("heard()") > 20, timeout=30, every=0.1)
        other.ask("session.terminate(); 0")
        for page in (one, other):
            happened(page, "ended")
    caller.ask("phone.stop(); 0")
    happened(caller, "unregistered")
    callee.ask("phone.stop(); 0")
    happened(callee, "unregistered")
    assert site.box.sql("select * from location") == []


def test_by_ipv6_too_and_again_after_the_connection_was_lost(site: Site) -> None:
    pages = [site.phone("10", "wss", host=f"[{IPV6}]"), site.phone("11", "ws", host=f"[{IPV6}]")]
    for page in pages:
        happened(page, "registered")
    for lost in (True, False):
        for page in pages:
            page.ask("told.length = 0")
        pages[0].ask(f"dial('sip:11@{DOMAIN}'); 0")
        for page in pages:
            happened(page, "confirmed")
        pages[1].ask("session.terminate(); 0")
        for page in pages:
            happened(page, "ended")
        if lost:
            site.box.kill9()
            site.box.start()
            for page in pages:
                happened(page, "disconnected")
                happened(page, "registered")
    for page in pages:
        page.ask("phone.stop(); 0")
        happened(page, "unregistered")


#: How a ping of the server and a browser's pong begin on the wire; by wss as records of TLS 1.3.
KEEP_ALIVES = {
    "ws": (b"\x89\x00", b"\x8a\x80"),
    "wss": (b"\x17\x03\x03\x00\x13", b"\x17\x03\x03\x00\x17"),
}


@pytest.mark.parametrize("host", [LOOPBACK, IPV6], ids=["ipv4", "ipv6"])
def test_pages_are_kept_alive_and_come_back_when_the_wire_is_cut(site: Site, host: str) -> None:
    with (
        Relay("tcp", (host, site.ports["wss"])) as secure,
        Relay("tcp", (host, site.ports["ws"])) as plain,
    ):
        wires, name = {"wss": secure, "ws": plain}, f"[{host}]" if ":" in host else host
        pages = [
            site.phone(user, transport, host=name, port=wires[transport].address[1])
            for user, transport in (("10", "wss"), ("11", "ws"))
        ]
        for page in pages:
            happened(page, "registered")
        for transport, (ping, pong) in KEEP_ALIVES.items():
            for passed, begins in ((wires[transport].heard, ping), (wires[transport].said, pong)):
                wait_until(
                    f"keep-alives by {transport}",
                    lambda p=passed, b=begins: any(each.startswith(b) for each in p),
                    timeout=30,
                )
        for page, wire in zip(pages, wires.values(), strict=True):
            page.ask("told.length = 0")
            wire.cut()
        for page in pages:
            happened(page, "disconnected")
            happened(page, "registered")
            page.ask("told.length = 0")
        pages[0].ask(f"dial('sip:11@{DOMAIN}'); 0")
        for page in pages:
            happened(page, "confirmed")
        pages[1].ask("session.terminate(); 0")
        for page in pages:
            happened(page, "ended")
            page.ask("phone.stop(); 0")
            happened(page, "unregistered")


@pytest.fixture
def desk(site: Site) -> Iterator[tuple[Phone, RtpPhone]]:
    """A desk phone that knows neither encryption nor ICE, and its sound."""
    with site.box.phone("12", "secret-12") as phone, RtpPhone(0x12) as sound:
        assert phone.register().status == 200
        yield phone, sound
        phone.register(expires=0)


def test_a_desk_phone_is_called_and_both_hear(site: Site, desk: tuple[Phone, RtpPhone]) -> None:
    phone, sound = desk
    page = site.phone("10", "wss")
    happened(page, "registered")
    page.ask(f"dial('sip:12@{DOMAIN}'); 0")
    invite = phone.expect("INVITE", timeout=30)
    assert b"RTP/AVP" in invite.body
    assert b"fingerprint" not in invite.body
    assert b"candidate" not in invite.body
    answer = phone.reply(invite, 200, body=sound.description)
    phone.expect("ACK", timeout=30)
    happened(page, "confirmed")
    hear_one_another(page, sound, media_of(invite.body))
    hang_up(phone, page, phone.dialog_as_callee(invite, answer))
    page.ask("phone.stop(); 0")
    happened(page, "unregistered")


def test_a_desk_phone_calls_and_both_hear(site: Site, desk: tuple[Phone, RtpPhone]) -> None:
    phone, sound = desk
    page = site.phone("11", "ws")
    happened(page, "registered")
    invite = phone.invite("11", body=sound.description)
    happened(page, "called")
    answered = phone.final(invite, timeout=30)
    assert answered.status == 200, page.said
    dialog = phone.dialog_as_caller(invite, answered)
    phone.send(phone.within(dialog, "ACK"))
    happened(page, "confirmed")
    hear_one_another(page, sound, media_of(answered.body))
    hang_up(phone, page, dialog)
    page.ask("phone.stop(); 0")
    happened(page, "unregistered")


@pytest.mark.parametrize("who_answers", ["browser", "desk phone"])
def test_a_user_with_a_browser_and_a_desk_phone(
    site: Site, desk: tuple[Phone, RtpPhone], who_answers: str
) -> None:
    """Both ring, each is offered what it understands, and whoever answers is heard."""
    caller, sound = desk
    page = site.phone("11", "wss")
    happened(page, "registered")
    with site.box.phone("11", "secret-11") as beside, RtpPhone(0x11) as its:
        assert beside.register().status == 200
        page.ask(f"window.onlyRings = {'false' if who_answers == 'browser' else 'true'}")
        invite = caller.invite("11", body=sound.description)
        rings = beside.expect("INVITE", timeout=30)
        assert b"RTP/AVP" in rings.body and b"fingerprint" not in rings.body
        beside.reply(rings, 180, "Ringing")
        happened(page, "called")
        if who_answers == "desk phone":
            beside.reply(rings, 200, body=its.description)
        answered = caller.final(invite, timeout=30)
        assert answered.status == 200, page.said
        dialog = caller.dialog_as_caller(invite, answered)
        caller.send(caller.within(dialog, "ACK"))
        if who_answers == "browser":
            beside.reply(beside.expect("CANCEL", timeout=30), 200)
            beside.reply(rings, 487)
            happened(page, "confirmed")
            hear_one_another(page, sound, media_of(answered.body))
            hang_up(caller, page, dialog)
        else:
            beside.expect("ACK", timeout=30)
            happened(page, "failed")
            converse(sound, media_of(answered.body), its, media_of(rings.body), 30)
            bye = caller.within(dialog, "BYE")
            caller.send(bye)
            beside.reply(beside.expect("BYE", timeout=30), 200)
            assert caller.final(bye, timeout=30).status == 200
        assert beside.register(expires=0).status == 200
    page.ask("phone.stop(); 0")
    happened(page, "unregistered")


def hear_one_another(page: Page, sound: RtpPhone, there: tuple[str, int]) -> None:
    def both() -> bool:
        sound.say(there)
        sound.listen()
        return len(sound.heard) > 20 and page.ask("heard()") > 20

    wait_until("both hear one another", both, timeout=30, every=0.02)


def hang_up(phone: Phone, page: Page, dialog: Dialog) -> None:
    bye = phone.within(dialog, "BYE")
    phone.send(bye)
    assert phone.final(bye, timeout=30).status == 200
    happened(page, "ended")


def test_a_wrong_password_and_a_page_from_elsewhere(site: Site) -> None:
    wrong = site.phone("10", "wss", "guessed")
    happened(wrong, "registrationFailed")
    elsewhere = site.browser.open("about:blank")
    refused = elsewhere.ask(
        f"new Promise(done => {{ const s = new WebSocket('ws://{LOOPBACK}:{site.ports['ws']}', 'sip');"
        " s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
    )
    assert refused == "refused"
