from __future__ import annotations

import gevent
import pytest

from appliance.errors import DatabaseUnavailable, RowRefused, StorageError
from appliance.storage.group_commit import Changes, Refused
from appliance.storage.write_back import WriteBack
from tests.unit.storage.made import binding


class Writer:
    """A table in a dictionary, which fails when it is told to."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.sizes: list[int] = []
        self.failure: StorageError | None = None
        self.refused: Refused = {}
        self.told: list[str] = []

    def write(self, changes: Changes) -> Refused:
        gevent.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.sizes.append(len(changes))
        for ruid, change in changes.items():
            if change is None:
                self.rows.pop(ruid, None)
            else:
                self.rows[ruid] = change.cseq
        return self.refused

    def failed(self, error: StorageError) -> None:
        self.told.append(str(error))


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def back(writer: Writer) -> WriteBack:
    return WriteBack(writer.write, 60, writer.failed)


def test_nothing_is_written_before_it_is_time(back: WriteBack, writer: Writer) -> None:
    back.put([binding(1), binding(2)], [])
    back.put([binding(1, cseq=2)], [binding(2)])
    assert writer.rows == {}
    assert set(back.unfinished) == {binding(1).ruid, binding(2).ruid}
    back.flush()
    assert writer.rows == {binding(1).ruid: 2}
    assert list(back.unfinished) == []


def test_it_goes_out_in_pieces(back: WriteBack, writer: Writer) -> None:
    back.put([binding(number) for number in range(1200)], [])
    back.flush()
    assert writer.sizes == [500, 500, 200]


def test_what_comes_during_a_flush_is_not_forgotten(back: WriteBack, writer: Writer) -> None:
    back.put([binding(number) for number in range(600)], [])
    flushing = gevent.spawn(back.flush)
    gevent.sleep(0)
    back.put([binding(1, cseq=2), binding(599, cseq=2)], [binding(3)])
    second = gevent.spawn(back.flush)
    gevent.joinall([flushing, second], raise_error=True)
    assert writer.rows[binding(1).ruid] == writer.rows[binding(599).ruid] == 2
    assert binding(3).ruid not in writer.rows
    assert list(back.unfinished) == []


def test_what_could_not_be_written_is_kept(back: WriteBack, writer: Writer) -> None:
    writer.failure = DatabaseUnavailable("away")
    back.put([binding(1)], [])
    with pytest.raises(DatabaseUnavailable):
        back.flush()
    writer.failure = None
    back.flush()
    assert writer.rows == {binding(1).ruid: 1}


def test_a_row_that_is_refused_is_told(back: WriteBack, writer: Writer) -> None:
    writer.refused = {binding(1).ruid: RowRefused("too long")}
    back.put([binding(1)], [])
    back.flush()
    assert writer.told == ["too long"]


def test_it_is_written_when_it_is_time_and_at_the_end(writer: Writer) -> None:
    back = WriteBack(writer.write, 0.001, writer.failed)
    back.start()
    back.put([binding(1)], [])
    with gevent.Timeout(5):
        while not writer.rows:
            gevent.sleep(0.001)
    back.put([binding(2)], [])
    back.stop()
    assert len(writer.rows) == 2
    writer.failure = DatabaseUnavailable("away")
    back.put([binding(3)], [])
    back.stop()
    assert writer.told == ["away"]
