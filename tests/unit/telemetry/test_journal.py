from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterator

import pytest

from appliance.telemetry.events import EVENTS
from appliance.telemetry.journal import Journal, event, journal_listens, open_journal
from appliance.telemetry.logging_bridge import LoggingBridge


class Written(list[tuple[str, str, dict[str, str]]]):
    def __call__(self, level: str, message: str, fields: dict[str, str]) -> None:
        self.append((level, message, fields))


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, current = root.level, Journal.current
    yield
    root.setLevel(level)
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, LoggingBridge)]
    Journal.current = current


def text_journal(level: str = "info") -> tuple[Journal, io.StringIO]:
    stream = io.StringIO()
    return open_journal(level, "text", stream), stream


def test_an_event_has_its_number_and_its_fields() -> None:
    written = Written()
    Journal(written).event("binding-added", "10@a at sip:10@b", sip_aor="10@a", sip_code=200, sip_peer=None)
    ((level, message, fields),) = written
    assert (level, message) == ("info", "10@a at sip:10@b")
    assert fields == {
        "EVENT": "binding-added",
        "MESSAGE_ID": EVENTS["binding-added"].message_id,
        "SIP_AOR": "10@a",
        "SIP_CODE": "200",
    }


def test_what_is_below_the_level_is_not_told() -> None:
    written = Written()
    journal = Journal(written, "warning")
    journal.event("binding-added", "…")
    journal.say("info", "…")
    assert not written
    assert not journal.enabled("binding-added")
    journal.event("database-lost", "…")
    assert len(written) == 1
    assert journal.enabled("database-lost")


def test_an_event_that_is_not_in_the_catalogue_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Journal(Written()).event("something", "…")


def test_as_text_it_is_one_line_of_logfmt() -> None:
    journal, stream = text_journal()
    journal.event("call-ended", "INVITE 10 -> 11 200", sip_call_id='a"b\\c=d', sip_method="INVITE", empty="")
    (line,) = stream.getvalue().splitlines()
    assert re.match(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4} level=info ", line)
    assert line.endswith(
        'msg="INVITE 10 -> 11 200" event=call-ended sip_call_id="a\\"b\\\\c=d" sip_method=INVITE empty=""'
    )


def test_nobody_can_add_a_line_or_act_on_the_terminal() -> None:
    journal, stream = text_journal()
    journal.event("auth-failed", "from \x1b[2J\nlevel=info", sip_aor="x\r\ntime=1 level=info msg=forged")
    told = stream.getvalue()
    assert told.count("\n") == 1
    assert "\x1b" not in told
    assert "\r" not in told


def test_a_value_without_end_is_cut() -> None:
    written = Written()
    Journal(written).say("info", "x" * 100_000, field="y" * 100_000)
    ((_, message, fields),) = written
    assert len(message) == len(fields["FIELD"]) == 4096


def test_logging_goes_the_same_way() -> None:
    _, stream = text_journal()
    logging.getLogger("sipbox.test").warning("careful: %s", "a\nb")
    logging.getLogger("sipbox.test").info("all well")
    logging.getLogger("sipbox.test").debug("details")
    first, second = stream.getvalue().splitlines()
    assert 'level=warning msg="careful: a\\\\x0ab" logger=sipbox.test' in first
    assert "level=info" in second


def test_a_traceback_follows_its_line_indented() -> None:
    _, stream = text_journal()
    try:
        raise ValueError("no\nlevel=info msg=forged")
    except ValueError:
        logging.getLogger("sipbox.test").exception("failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.startswith("time=")
    assert all(line.startswith("    | ") for line in rest)
    assert rest[-2].endswith("ValueError: no")


def test_opened_again_it_does_not_tell_twice() -> None:
    text_journal()
    _, stream = text_journal()
    logging.getLogger("sipbox.test").warning("once")
    assert stream.getvalue().count("once") == 1


def test_the_function_tells_the_journal_that_was_opened() -> None:
    _, stream = text_journal()
    event("command", "kill", command="kill")
    assert "event=command" in stream.getvalue()


def test_a_reader_who_went_away_fails_nobody() -> None:
    journal, stream = text_journal()
    stream.close()
    journal.event("ready", "…")


def test_systemd_says_by_its_inode_that_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    try:
        status = os.fstat(writing)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert journal_listens(writing)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
        assert not journal_listens(writing)
        monkeypatch.setenv("JOURNAL_STREAM", "nonsense")
        assert not journal_listens(writing)
        monkeypatch.delenv("JOURNAL_STREAM")
        assert not journal_listens(writing)
    finally:
        os.close(reading)
        os.close(writing)


def test_to_systemd_with_its_priorities(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, object]] = []
    monkeypatch.setattr("cysystemd.journal.send", lambda **fields: sent.append(fields))
    journal = open_journal("info", "journal")
    journal.event("database-lost", "away", query="load")
    assert sent == [
        {
            "message": "away",
            "priority": 4,
            "syslog_identifier": "sipbox",
            "EVENT": "database-lost",
            "MESSAGE_ID": EVENTS["database-lost"].message_id,
            "QUERY": "load",
        }
    ]
