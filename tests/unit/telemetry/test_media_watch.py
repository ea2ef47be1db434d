"""What is counted and told of rtpengine."""

from __future__ import annotations

from typing import Any

from appliance.telemetry.journal import Journal
from appliance.telemetry.media_watch import MediaWatch
from appliance.telemetry.metrics import Metrics


def test_questions_are_counted_and_changes_are_told() -> None:
    told: list[tuple[str, str, dict[str, Any]]] = []
    metrics = Metrics()
    watch = MediaWatch(metrics, Journal(lambda level, message, fields: told.append((level, message, fields))))
    watch.asked("offer", "ok", 0.004)
    watch.asked("offer", "silent", 1.0)
    watch.asked("something new", "ok", 0.1)
    assert metrics.media_commands["offer", "ok"] == metrics.media_commands["offer", "silent"] == 1
    counted = {tuple(labels): count for labels, count in metrics.snapshot()["sipbox_media_commands_total"]}
    assert counted["other", "ok"] == 1
    assert metrics.media_command_seconds.count == 3

    watch.changed("127.0.0.1:2223", False, "no answer within 1 s")
    watch.changed("127.0.0.1:2223", True, "")
    (lost, back) = told
    assert lost[:2] == ("warning", "rtpengine at 127.0.0.1:2223 is away: no answer within 1 s")
    assert lost[2]["EVENT"] == "media-lost"
    assert back[:2] == ("info", "rtpengine at 127.0.0.1:2223 answers again")
