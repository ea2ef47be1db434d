"""Those who read what strangers send, each as a function of bytes, with seeds that are worth spoiling.

Only what is said about an input may be raised there, and is caught here: everything else is a fault. The
torture messages of the RFCs are seeds, since each of them begins where somebody's parser ended.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from appliance.agent.app import create_app
from appliance.agent.checkup import Checkup
from appliance.agent.history import History
from appliance.agent.mi_request import RequestReader
from appliance.agent.page_door import Door
from appliance.agent.sip_process import SipProcess
from appliance.auth.digest import Credentials, ha1, uri_fits, verify
from appliance.auth.nonce import NonceSource
from appliance.control import ServerDown
from appliance.errors import SipError
from appliance.sip.framing import StreamFramer
from appliance.sip.hop import Hop
from appliance.sip.parser import parse
from tests.unit.proxy.stage import DOMAIN, Stage
from tests.unit.sip.test_parser import everything_is_asked_for

TORTURE = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "torture").glob("*.dat"))]


class Target(NamedTuple):
    """``make(number)`` gives the reader; ``seeds`` are what it is meant for."""

    make: Callable[[int], Callable[[bytes], object]]
    seeds: list[bytes]


def parser(_: int) -> Callable[[bytes], object]:
    """A datagram: everything in it is asked for, and an answer to it is made."""

    def read(data: bytes) -> None:
        try:
            message = parse(data)
        except SipError as error:
            if error.partial is None:
                return
            message = error.partial
        everything_is_asked_for(message)

    return read


def framing(number: int) -> Callable[[bytes], object]:
    """A stream, cut anywhere: what comes out of it does not depend on where."""
    random = Random(number)

    def messages(chunks: list[bytes]) -> list[bytes | str]:
        framer, found = StreamFramer(), list[bytes | str]()
        try:
            for chunk in chunks:
                framer.feed(chunk)
                while (message := framer.next_message()) is not None:
                    found.append(message)
        except SipError as error:
            found.append(str(error.status))
        return found

    def read(data: bytes) -> None:
        data = data[:8000]
        cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(6)))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert messages([data]) == messages(pieces)

    return read


def digest(_: int) -> Callable[[bytes], object]:
    """What stands in Authorization: nobody gets in by it."""
    half = ha1("10", DOMAIN, "secret")
    nonces = NonceSource(b"k" * 32, 300.0, 0, 1, 1000)

    def read(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        try:
            credentials = Credentials.parse(text)
        except SipError:
            return
        if credentials is None:
            return
        assert not verify(credentials, "REGISTER", half)
        uri_fits(credentials.uri, f"sip:{DOMAIN}", DOMAIN)
        nonces.check(credentials.nonce, credentials.nc, 1000.0)

    return read


def fifo(_: int) -> Callable[[bytes], object]:
    """What is written into the FIFO; whoever writes next is served."""
    commands = {"ul_add": True, "ul_rm": True, "uptime": False, "t_uac_dlg": True}

    def read(data: bytes) -> None:
        reader = RequestReader(commands, lambda name: name == "mine")
        list(reader.feed(data))
        *_, last = reader.feed(b"\n\n:uptime:mine\n\n")
        assert (getattr(last, "command", ""), getattr(last, "reply_name", "")) == ("uptime", "mine")

    return read


class _Down(SipProcess):
    def ask(self, command: str, /, **args: Any) -> Any:
        raise ServerDown("nobody answers")


def http(_: int) -> Callable[[bytes], object]:
    """The agent's pages: a request line and headers of any kind are no fault (500) of it."""
    process = _Down("/nowhere")
    # With a password, and a clock that goes so fast that nobody is throttled.
    door = Door(b"secret", local=False, clock=count(0.0, 3600.0).__next__)
    app = create_app(process, History(process), Checkup([]), door)
    app.testing = True  # what it raises comes here

    def read(data: bytes) -> None:
        line, _, rest = data.replace(b"\r", b"").partition(b"\n")
        words = [word.decode("latin-1") for word in line.split(b" ", 2)]
        method, target = [*words, "", ""][:2]
        path, _, query = target.partition("?")
        headers = {
            f"HTTP_{name.strip().upper().replace('-', '_')}": value.strip()
            for each in rest.decode("latin-1").split("\n")
            for name, _, value in [each.partition(":")]
            if name
        }
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, **headers}
        status: list[str] = []

        def start(code: str, *_: object) -> Callable[[bytes], object]:
            status.append(code)
            return status.append  # type: ignore[return-value]

        complete = {
            "SERVER_NAME": "box",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
        }
        b"".join(app.wsgi_app(environ | complete, start))
        assert status[0][:3] in ("200", "308", "400", "401", "404", "405", "413", "503"), status

    return read


def core(number: int) -> Callable[[bytes], object]:
    """The whole proxy: no message is a fault of ours, and after a while none has left anything behind."""
    random = Random(number)
    stage = Stage(sip={"domains": (DOMAIN, "example.com", "example.net", "services.example.com")})
    stage.add_user("10")
    for domain in ("example.com", "example.org"):
        stage.bind("user", "sip:user@192.0.2.11", "sip:user@192.0.2.13;transport=tcp", domain=domain)
    hops = (Hop("udp", "192.0.2.10", 5060), Hop("tcp", "192.0.2.10", 40000, 1, 3))
    seen = [0]

    def read(data: bytes) -> None:
        seen[0] += 1
        stage.core.admission.receive(data, random.choice(hops))
        if seen[0] % 100 == 0:
            stage.advance(40)
            del stage.sent[:]
            faults = [words for words in stage.told if "fault" in words]
            assert faults == []
            del stage.told[:]

    return read


_RESPONSE = b"6629fae49393a05397450978507c4ef1"
CREDENTIALS = [
    b'Digest username="10", realm="example.org", nonce="AAAA", uri="sip:example.org", response="%b", '
    b'algorithm=MD5, qop=auth, nc=00000001, cnonce="0a4f113b"' % _RESPONSE,
    b'Digest username="10",realm="example.org",nonce="",uri="sip:h",response="%b",algorithm=SHA-256-sess,'
    b'qop="auth-int",nc=FFFFFFFF,cnonce="\\"",opaque=""' % _RESPONSE,
    b"NoOneKnowsThisScheme opaque-data=here",
]
FIFO = [
    b':ul_add:mine\nlocation\n10@example.org\n"sip:10@192.0.2.1"\n3600\n1.0\n\n',
    b":uptime:mine\n\n",
    b':t_uac_dlg:mine\nOPTIONS\nsip:10@example.org\n.\n.\n"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"\n\n',
    b":ul_rm:mine\ntable::location\naor::10@example.org\n\n",
]
HTTP = [
    b"GET /metrics HTTP/1.1\r\nHost: box\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.5\r\n",
    b"GET /?a=b&c=%00 HTTP/1.1\r\nHost: box:8080\r\nAccept-Encoding: gzip, br;q=1\r\nRange: bytes=0-1\r\n",
    b'HEAD /status HTTP/1.1\r\nHost: box\r\nIf-None-Match: "x"\r\nCookie: a; c="d"\r\nContent-Length: 5\r\n',
    b"POST /ready HTTP/1.1\r\nHost: box\r\nContent-Type: multipart/form-data; boundary=x\r\nTE: a\r\n",
    b"GET /../../etc/passwd HTTP/1.0\r\nAuthorization: Basic eDp5\r\nX-Forwarded-For: 1\r\n",
    b"GET /status HTTP/1.1\r\nHost: box\r\nAuthorization: Basic OnNlY3JldA==\r\n",
    b"GET /?every=5 HTTP/1.1\r\nHost: box\r\nAuthorization: Basic 7bO/Ou2zv+2zvw==\r\n",
]
TARGETS = {
    "parser": Target(parser, TORTURE),
    "framing": Target(framing, TORTURE),
    "digest": Target(digest, CREDENTIALS),
    "fifo": Target(fifo, FIFO),
    "http": Target(http, HTTP),
    "core": Target(core, TORTURE),
}
