"""A SIP process for the agent to ask, with nothing of SIP in it: a control socket and prepared answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent

from appliance.control import ControlServer

PROCESS = {
    "server": "sipbox (0.1.0 (x86_64/linux))",
    "version": "0.1.0",
    "pid": 4711,
    "now": 1_700_000_060.0,
    "started": 1_700_000_000.0,
    "directory": "/srv/sip",
    "arguments": ["sipbox", "serve"],
}


class FakeSipProcess:
    """Answers at ``path`` with ``answers`` (a value, or a callable that is given the arguments), in a thread.

    ``asked`` has what it was asked, in order, as (command, arguments).
    """

    def __init__(self, path: Path, **answers: Any) -> None:
        self.path = path
        self.answers: dict[str, Any] = {"process": PROCESS, **answers}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._ready = threading.Event()
        self._ending: Any = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> FakeSipProcess:
        self._thread.start()
        assert self._ready.wait(10), "the fake SIP process does not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.send()
        self._thread.join(10)

    def _run(self) -> None:
        # A loop of its own: the test's thread blocks in clients meanwhile.
        hub = gevent.get_hub()
        self._ending = hub.loop.async_()
        server = ControlServer(str(self.path), _Answers(self))
        server.start()
        ended = gevent.event.Event()
        self._ending.start(ended.set)
        self._ready.set()
        ended.wait()
        server.stop()
        self._ending.close()
        hub.destroy(destroy_loop=True)


class _Answers(dict[str, Callable[..., Any]]):
    """Every command that there is an answer for, as a function."""

    def __init__(self, process: FakeSipProcess) -> None:
        super().__init__()
        self._process = process

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self._process.answers:
            return default
        answer = self._process.answers[name]

        def command(**args: Any) -> Any:
            self._process.asked.append((name, args))
            return answer(**args) if callable(answer) else answer

        return command
