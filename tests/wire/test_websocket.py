"""SIP over WebSocket (RFC 7118): how it begins, what is in a frame, how it ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from websockets.frames import Close, Frame, Opcode

from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until
from tests.harness.web_socket import WebSocketClient

PAGE = "https://phone.example.org"


class Web(Sipbox):
    """A server with a WebSocket at ``web_port``."""

    def __init__(self, *origins: str) -> None:
        super().__init__(settings={"websocket": {"origins": list(origins)}})
        self.web_port = free_port()
        listen = [f"udp:{LOOPBACK}:{self.port}", f"ws:{LOOPBACK}:{self.web_port}"]
        self.write_settings({"sip": {"listen": listen}})

    def open(self, *, subprotocols: tuple[str, ...] = ("sip",), origin: str = "") -> WebSocketClient:
        sock = socket.create_connection((LOOPBACK, self.web_port), 10)
        try:
            return WebSocketClient(
                sock, f"ws://{LOOPBACK}:{self.web_port}/", subprotocols=subprotocols, origin=origin
            )
        except ConnectionError:
            sock.close()
            raise

    def web_phone(self) -> Phone:
        return Phone("10", "secret-10", proxy=(LOOPBACK, self.web_port), domain=self.domain, transport="ws")


@pytest.fixture(scope="module")
def box() -> Iterator[Web]:
    with Web() as server:
        server.add_subscribers({"10": "secret-10"})
        yield server


def options(box: Web, *, length: str = "Content-Length: 0\r\n", subject: str = "") -> bytes:
    return (
        f"OPTIONS sip:{LOOPBACK}:{box.web_port};transport=ws SIP/2.0\r\n"
        "Via: SIP/2.0/WS x.invalid;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:10@x.invalid>;tag=1\r\n"
        f"To: <sip:{LOOPBACK}>\r\nCall-ID: {subject or 'x'}\r\nCSeq: 1 OPTIONS\r\n{length}\r\n"
    ).encode()


unread: dict[WebSocketClient, list[bytes]] = {}


def next_message(client: WebSocketClient) -> bytes:
    waiting = unread.setdefault(client, [])
    while not waiting:
        data = client.socket.recv(65535)
        assert data, "the server closed the connection"
        waiting += client.take(data)
    return waiting.pop(0)


class TestHowItBegins:
    def test_who_does_not_offer_sip_is_refused(self, box: Web) -> None:
        for others in ((), ("chat",)):
            with pytest.raises(ConnectionError, match="400"):
                box.open(subprotocols=others)
        client = box.open(subprotocols=("chat", "sip"))
        assert client.protocol.subprotocol == "sip"
        client.socket.close()

    def test_a_page_that_may_not_is_refused(self) -> None:
        with Web(PAGE) as box:
            box.open(origin=PAGE).socket.close()
            for origin in ("https://evil.example", ""):
                with pytest.raises(ConnectionError, match="403"):
                    box.open(origin=origin)

    @pytest.mark.parametrize(
        "beginning",
        [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"OPTIONS sip:x SIP/2.0\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
            b"GET /" + b"x" * 20_000,
        ],
        ids=["plain http", "sip", "many headers", "a long line"],
    )
    def test_what_is_no_websocket_ends(self, box: Web, beginning: bytes) -> None:
        with socket.create_connection((LOOPBACK, box.web_port), 10) as plain:
            plain.sendall(beginning)
            try:
                while plain.recv(65535):
                    pass
            except ConnectionResetError:
                pass  # what it did not read any more


class TestWhatIsInAFrame:
    def test_one_message_with_and_without_its_length(self, box: Web) -> None:
        client = box.open()
        for index, length in enumerate(("Content-Length: 0\r\n", "")):
            client.send(options(box, length=length, subject=f"length-{index}"))
            answer = next_message(client)
            assert answer.startswith(b"SIP/2.0 200 ")
            assert f"Call-ID: length-{index}\r\n".encode() in answer
        assert client.frames[-1].opcode is Opcode.TEXT
        client.socket.close()

    def test_a_message_in_pieces_and_one_in_bytes(self, box: Web) -> None:
        client = box.open()
        message = options(box, subject="pieces")
        client.protocol.send_text(message[:30], fin=False)
        client.protocol.send_continuation(message[30:90], fin=False)
        client.protocol.send_ping(b"in between")
        client.protocol.send_continuation(message[90:], fin=True)
        client.protocol.send_binary(options(box, subject="bytes"))
        client.flush()
        answers = b""
        while b"Call-ID: pieces" not in answers or b"Call-ID: bytes" not in answers:
            answers += next_message(client)
        assert Opcode.PONG in {frame.opcode for frame in client.frames}
        client.socket.close()

    def test_what_is_no_text_comes_back_as_bytes(self, box: Web) -> None:
        client = box.open()
        client.protocol.send_binary(options(box).replace(b"Call-ID: x", b"Call-ID: \xff\xfe"))
        client.flush()
        answer = next_message(client)
        assert b"Call-ID: \xff\xfe" in answer
        assert client.frames[-1].opcode is Opcode.BINARY
        client.socket.close()

    def test_one_that_is_too_large_ends_it_as_websocket_says(self, box: Web) -> None:
        client = box.open()
        client.send(b"x" * 70_000)
        assert closed(client).code == 1009
        client.socket.close()

    def test_a_frame_that_cannot_be_is_the_end(self, box: Web) -> None:
        client = box.open()
        client.socket.sendall(b"\x83\x80\0\0\0\0")  # an opcode that there is not
        assert closed(client).code == 1002
        client.socket.close()


def closed(client: WebSocketClient) -> Close:
    """How the server says that it is over."""
    while True:
        data = client.socket.recv(65535)
        if data:
            client.take(data)
        found = [frame for frame in client.frames if frame.opcode is Opcode.CLOSE]
        if found:
            return Close.parse(bytes(found[0].data))
        assert data, "closed without a word"


class TestHowItEnds:
    def test_who_says_goodbye_is_told_goodbye(self, box: Web) -> None:
        client = box.open()
        client.protocol.send_close(1000)
        client.flush()
        assert closed(client).code == 1000
        client.socket.close()

    def test_who_says_nothing_in_time_is_let_go(self) -> None:
        box = Web()
        box.write_settings({"tls": {"handshake_seconds": 1}})
        with box, socket.create_connection((LOOPBACK, box.web_port), 10) as silent:
            assert silent.recv(1) == b""

    def test_a_restart_tells_that_it_goes_away(self, box: Web) -> None:
        client = box.open()
        box.restart()
        assert closed(client).code == 1001
        client.socket.close()

    def test_a_page_that_is_loaded_again_takes_its_own_place(self, box: Web) -> None:
        """It has another name each time, and the same instance."""
        instance = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-0000deadbeef>"'
        with box.web_phone() as first:
            assert first.register(contact=f"<{first.contact}>;{instance}").status == 200
        with box.web_phone() as second:
            told = second.register(contact=f"<{second.contact}>;{instance}")
            assert [second.contact in contact for contact in told.all("Contact")] == [True]
            wait_until(
                "it is alone in the table",
                lambda: box.sql("select count(*) from location where username = '10'") == [(1,)],
            )


def test_frames_are_the_librarys(box: Web) -> None:
    """A pong that nobody asked for is allowed (RFC 6455 §5.5.3), and means nothing."""
    client = box.open()
    client.socket.sendall(Frame(Opcode.PONG, b"unasked").serialize(mask=True))
    client.send(options(box, subject="after"))
    assert b"Call-ID: after" in next_message(client)
    client.socket.close()
