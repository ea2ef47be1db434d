"""Several SIP workers as one: asked all at once, and what they say put together (``merging``).

Who hangs is left out after a while and holds up nobody. What only one has to do (a binding that is added, a
request of our own) is asked of the first one that lives; what concerns everybody, of all. Must not know what
the answers mean.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from appliance import control
from appliance.agent.merging import MERGED, Answers
from appliance.agent.sip_process import SECONDS, STORAGE_SECONDS, SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError

#: How long somebody may take to show that he lives.
_PROBE_SECONDS = 0.6
_RETRY_SECONDS = 1.0
_WAITING = 1000
#: The commands that stream, and those among them that all workers tell; any other stream is one worker's.
STREAMS = frozenset({"trace", "uac", "registrations"})
_TOLD_BY_ALL = frozenset({"trace"})


class AllWorkers(SipProcess):
    """Asks the workers behind the control sockets ``paths``, the first worker's first.

    Raises ``control.ServerDown`` when none of them answers, ``ControlError`` when all of them say no.
    """

    def __init__(self, paths: Sequence[str], *, seconds: float = SECONDS) -> None:
        super().__init__(paths[0], seconds=seconds)
        self.paths = dict(enumerate(paths, 1))

    def ask(self, command: str, /, **args: Any) -> Any:
        return self.ask_within(self._seconds, command, **args)

    def ask_storage(self, command: str, /, **args: Any) -> Any:
        return self.ask_within(STORAGE_SECONDS, command, **args)

    def ask_within(self, seconds: float, command: str, /, **args: Any) -> Any:
        """The data of a command; ``seconds`` of silence are borne."""
        merge = MERGED.get(command)
        if merge is None:
            return control.call(self._path_of_one(), command, timeout=seconds, **args)
        # Who hangs is found out first: what waits for the database may take long, and he would take as long.
        living = self._living() if seconds > SECONDS else list(self.paths)
        answers, refusals = self._ask_all(living, command, args, seconds)
        if not answers:
            raise refusals[0] if refusals else self._down()
        return merge(answers, [number for number in self.paths if number not in answers])

    def stream(self, command: str, /, **args: Any) -> Generator[Any, None, None]:
        if command not in _TOLD_BY_ALL:
            return self._stream_of_one(command, args)
        if not self._living():
            raise self._down()
        return self._all_streams(command, args)

    # ---------------------------------------------------------------------------------------------- internals

    def _stream_of_one(self, command: str, args: dict[str, Any]) -> Generator[Any, None, None]:
        yield from control.stream(self._path_of_one(), command, timeout=self._seconds, **args)

    def _ask_all(
        self, numbers: Sequence[int], command: str, args: dict[str, Any], seconds: float
    ) -> tuple[Answers, list[ControlError]]:
        """What each worker that answers says, by its number, and who says no."""
        if not numbers:
            return {}, []
        answers: Answers = {}
        refusals: list[ControlError] = []
        with ThreadPoolExecutor(len(numbers)) as pool:
            asked = {
                number: pool.submit(control.call, self.paths[number], command, timeout=seconds, **args)
                for number in numbers
            }
            for number, answer in asked.items():
                try:
                    answers[number] = answer.result()
                except ServerDown:
                    continue
                except ControlError as error:
                    refusals.append(error)
        return answers, refusals

    def _living(self) -> list[int]:
        answers, _ = self._ask_all(list(self.paths), "process", {}, _PROBE_SECONDS)
        return list(answers)

    def _path_of_one(self) -> str:
        living = self._living()
        if not living:
            raise self._down()
        return self.paths[living[0]]

    def _down(self) -> ServerDown:
        return ServerDown(f"none of the {len(self.paths)} workers answers ({self.path} …)")

    def _all_streams(self, command: str, args: dict[str, Any]) -> Generator[Any, None, None]:
        """The items of all workers as they come; one that ends and comes back is listened to again."""
        items: queue.Queue[Any] = queue.Queue(_WAITING)
        ended = threading.Event()

        def listen(path: str) -> None:
            while not ended.is_set():
                try:
                    for item in control.stream(path, command, timeout=self._seconds, **args):
                        items.put(item)
                        if ended.is_set():
                            return
                except ControlError:
                    pass  # it is away for now
                ended.wait(_RETRY_SECONDS)

        for path in self.paths.values():
            threading.Thread(target=listen, args=(path,), daemon=True).start()
        try:
            while True:
                yield items.get()
        finally:
            ended.set()
