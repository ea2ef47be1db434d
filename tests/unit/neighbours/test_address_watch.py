from __future__ import annotations

import errno

import pytest

from appliance.neighbours.address_watch import AddressWatch


def test_who_cannot_look_believes_what_he_saw_last(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bool | OSError] = [False, True, OSError(errno.EMFILE, "Too many open files"), True, False]

    def is_held(host: str) -> bool:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr("appliance.neighbours.address_watch.is_held", is_held)
    seen: list[bool] = []
    watch = AddressWatch("192.0.2.10", seen.append)
    while answers:
        watch.look()
    assert seen == [True, False]
