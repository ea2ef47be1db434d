"""The control socket between the processes: what goes over it, and what a bad peer cannot do to others."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.queue import Queue

from appliance.control import ControlServer, Items, ServerDown, call, stream
from appliance.errors import ControlError, DatabaseUnavailable, SettingsError


@pytest.fixture
def commands() -> dict[str, Callable[..., Any]]:
    return {"echo": lambda text="": text}


@pytest.fixture
def server(commands: dict[str, Callable[..., Any]], tmp_path: Path) -> Iterator[ControlServer]:
    server = ControlServer(str(tmp_path / "control.sock"), commands, write_seconds=0.3)
    server.start()
    yield server
    server.stop()


def in_a_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run the blocking client beside the server's loop, as another process would."""
    return gevent.get_hub().threadpool.apply(function, args, kwargs)


def ask(server: ControlServer, command: str, **args: Any) -> Any:
    return in_a_thread(call, str(server.path), command, **args)


def test_a_command_gets_its_arguments_and_gives_its_data(server: ControlServer) -> None:
    assert ask(server, "echo", text="hello") == "hello"
    assert ask(server, "echo") == ""


def test_text_that_is_no_utf8_comes_through_unchanged(server: ControlServer) -> None:
    text = b"From: \xe9\xff".decode("utf-8", "surrogateescape")
    assert ask(server, "echo", text=text) == text


def test_the_socket_is_for_owner_and_group_only(server: ControlServer) -> None:
    assert stat.S_IMODE(server.path.lstat().st_mode) == 0o660


def test_a_command_that_is_not_there(server: ControlServer) -> None:
    with pytest.raises(ControlError) as raised:
        ask(server, "brew")
    assert (raised.value.code, raised.value.reason) == (404, "command 'brew' not available")


def test_arguments_that_do_not_fit(server: ControlServer) -> None:
    with pytest.raises(ControlError) as raised:
        ask(server, "echo", sound="loud")
    assert raised.value.code == 400
    assert "sound" in raised.value.reason


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ControlError(481, "No such transaction"), 481, "No such transaction"),
        (DatabaseUnavailable("the database is away"), 503, "the database is away"),
        (KeyError("surprise"), 500, "command 'fail' failed"),
        (FileNotFoundError(2, "No such file"), 500, "command 'fail' failed: [Errno 2] No such file"),
    ],
)
def test_what_a_command_raises_is_what_its_caller_hears(
    server: ControlServer, commands: dict[str, Callable[..., Any]], error: Exception, code: int, reason: str
) -> None:
    def fail() -> None:
        raise error

    commands["fail"] = fail
    with pytest.raises(ControlError) as raised:
        ask(server, "fail")
    assert (raised.value.code, raised.value.reason) == (code, reason)
    assert ask(server, "echo", text="still there") == "still there"


def test_a_stream_gives_its_items_and_ends(
    server: ControlServer, commands: dict[str, Callable[..., Any]]
) -> None:
    commands["count"] = lambda to: iter(range(to))
    assert in_a_thread(lambda: list(stream(str(server.path), "count", to=3))) == [0, 1, 2]
    assert ask(server, "count", to=3) == [0, 1, 2]
    assert ask(server, "count", to=0) == []


def test_items_in_one_piece_are_told_one_by_one(
    server: ControlServer, commands: dict[str, Callable[..., Any]]
) -> None:
    commands["pieces"] = lambda: iter([Items([1, 2]), 3, Items(), Items([4])])
    assert ask(server, "pieces") == [1, 2, 3, 4]


def test_a_stream_is_closed_when_its_peer_goes_while_nothing_happens(
    server: ControlServer, commands: dict[str, Callable[..., Any]]
) -> None:
    events: Queue[str] = Queue()

    def forever() -> Iterator[str]:
        try:
            yield "first"
            events.get()  # never comes
        finally:
            closed.append(True)

    closed: list[bool] = []
    commands["forever"] = forever

    def read_one() -> Any:
        items = stream(str(server.path), "forever")
        first = next(items)
        items.close()  # type: ignore[attr-defined]
        return first

    assert in_a_thread(read_one) == "first"
    with gevent.Timeout(2):
        while not closed:
            gevent.sleep(0.01)
    assert ask(server, "echo", text="next") == "next"


def test_a_peer_that_never_reads_is_left_behind(
    server: ControlServer, commands: dict[str, Callable[..., Any]]
) -> None:
    closed: list[bool] = []

    def flood() -> Iterator[str]:
        try:
            while True:
                yield "x" * 65536
        finally:
            closed.append(True)

    commands["flood"] = flood
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(server.path))
        peer.sendall(b'{"command":"flood"}\n')
        started = time.monotonic()
        assert ask(server, "echo", text="meanwhile") == "meanwhile"
        assert time.monotonic() - started < 1
        with gevent.Timeout(3):
            while not closed:
                gevent.sleep(0.01)


def test_a_peer_that_dies_half_way_through_a_line_is_forgotten(server: ControlServer) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(server.path))
        peer.sendall(b'{"command":"ec')
    assert ask(server, "echo", text="next") == "next"


@pytest.mark.parametrize(
    "line", [b"no json\n", b"[1]\n", b'{"command":1}\n', b'{"command":"echo","args":[]}\n']
)
def test_what_is_no_request_is_answered_and_the_connection_stays(server: ControlServer, line: bytes) -> None:
    def exchange() -> tuple[Any, Any]:
        with socket.socket(socket.AF_UNIX) as peer, peer.makefile("rb") as replies:
            peer.settimeout(2)
            peer.connect(str(server.path))
            peer.sendall(line)
            first = json.loads(replies.readline())
            peer.sendall(b'{"command":"echo","args":{"text":"ok"}}\n')
            return first, json.loads(replies.readline())

    refused, answered = in_a_thread(exchange)
    assert refused["code"] == 400
    assert answered == {"code": 200, "reason": "OK", "data": "ok"}


def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = ControlServer(str(path), {"echo": lambda: "new"})
    server.start()
    assert ask(server, "echo") == "new"
    server.stop()
    assert not path.exists()


def test_the_socket_of_a_living_process_is_not_taken(server: ControlServer) -> None:
    with pytest.raises(SettingsError, match="another process answers"):
        ControlServer(str(server.path), {}).start()
    assert ask(server, "echo", text="mine") == "mine"


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("letters")
    with pytest.raises(SettingsError, match="no socket"):
        ControlServer(str(path), {}).start()
    assert path.read_text() == "letters"


def test_stopping_leaves_a_successors_socket_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    old = ControlServer(str(path), {})
    old.start()
    path.unlink()
    new = ControlServer(str(path), {"echo": lambda: "new"})
    new.start()
    old.stop()
    assert ask(new, "echo") == "new"
    new.stop()


def test_nobody_at_the_socket(tmp_path: Path) -> None:
    with pytest.raises(ServerDown, match="nobody answers"):
        call(str(tmp_path / "control.sock"), "echo")


def test_a_process_that_hangs_is_given_up_after_the_time_allowed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(path))
        hanging.listen()
        started = time.monotonic()
        with pytest.raises(ServerDown, match="does not answer"):
            call(str(path), "echo", timeout=0.2)
        assert time.monotonic() - started < 1


def test_a_process_that_goes_away_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(path))
        dying.listen()

        def die() -> None:
            peer, _ = dying.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b'{"code":100,"data":1}\n')

        thread = threading.Thread(target=die)
        thread.start()
        with pytest.raises(ServerDown, match="went away"):
            list(stream(str(path), "count"))
        thread.join()
