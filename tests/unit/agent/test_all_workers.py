from __future__ import annotations

from pathlib import Path

import pytest

from appliance.agent.all_workers import AllWorkers
from appliance.control import ServerDown
from appliance.errors import ControlError
from tests.harness.fake_sip_process import PROCESS, FakeSipProcess


def no(**_: object) -> None:
    raise ControlError(481, "No such transaction")


@pytest.fixture
def workers(tmp_path: Path) -> AllWorkers:
    return AllWorkers([str(tmp_path / f"{number}.sock") for number in (1, 2)])


def test_all_are_asked_and_what_they_say_is_one_answer(workers: AllWorkers, tmp_path: Path) -> None:
    row = {"group": "core", "name": "rcv_requests"}
    with (
        FakeSipProcess(tmp_path / "1.sock", statistics=[row | {"value": 3}]),
        FakeSipProcess(tmp_path / "2.sock", statistics=[row | {"value": 4}]) as two,
    ):
        assert workers.ask("statistics", names=["all"]) == [row | {"value": 7}]
        assert two.asked == [("statistics", {"names": ["all"]})]


def test_what_one_has_to_do_is_asked_of_the_first_that_lives(workers: AllWorkers, tmp_path: Path) -> None:
    with FakeSipProcess(tmp_path / "2.sock", registration_add={"aor": "10@a.example"}) as two:
        assert workers.ask_storage("registration_add", aor="10@a.example") == {"aor": "10@a.example"}
        with FakeSipProcess(tmp_path / "1.sock", registration_add={"aor": "first"}):
            assert workers.ask_storage("registration_add", aor="10@a.example") == {"aor": "first"}
        assert [command for command, _ in two.asked].count("registration_add") == 1


def test_one_that_knows_the_transaction_is_enough(workers: AllWorkers, tmp_path: Path) -> None:
    with (
        FakeSipProcess(tmp_path / "1.sock", uac_cancel=no),
        FakeSipProcess(tmp_path / "2.sock", uac_cancel=None),
    ):
        assert workers.ask("uac_cancel", callid="c", cseq="1") is None


def test_when_all_say_no_it_is_no(workers: AllWorkers, tmp_path: Path) -> None:
    with (
        FakeSipProcess(tmp_path / "1.sock", uac_cancel=no),
        FakeSipProcess(tmp_path / "2.sock", uac_cancel=no),
        pytest.raises(ControlError, match="No such transaction"),
    ):
        workers.ask("uac_cancel", callid="c", cseq="1")


def test_none_is_there(workers: AllWorkers) -> None:
    for ask in (
        lambda: workers.ask("status"),
        lambda: workers.ask("online"),
        lambda: list(workers.stream("trace")),
    ):
        with pytest.raises(ServerDown, match="none of the 2 workers answers"):
            ask()


def test_the_traces_of_all_are_one(workers: AllWorkers, tmp_path: Path) -> None:
    with (
        FakeSipProcess(tmp_path / "1.sock", trace=lambda **_: iter([{"worker": 1}])),
        FakeSipProcess(tmp_path / "2.sock", trace=lambda **_: iter([{"worker": 2}])),
    ):
        told = workers.stream("trace", user=None, method=None)
        seen = {next(told)["worker"] for _ in range(2)}
        told.close()
    assert seen == {1, 2}


def test_a_stream_of_one(workers: AllWorkers, tmp_path: Path) -> None:
    with FakeSipProcess(tmp_path / "1.sock", uac=lambda **_: iter([1, 2])) as one:
        assert list(workers.stream("uac", method="OPTIONS")) == [1, 2]
        assert one.answers["process"] == PROCESS
