"""The kernel's drops among the metrics: asked of a program that stands in for nft."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.agent.kernel_drops import dropped
from appliance.telemetry.catalogue import FIREWALL_DROPPED

RULE = {"comment": "source", "expr": [{"counter": {"packets": 7, "bytes": 700}}, {"drop": None}]}


def stand_in(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (place / "nft").write_text(f"#!/bin/sh\n{script}\n")
    (place / "nft").chmod(0o755)
    monkeypatch.setenv("PATH", str(place), prepend=":")


def test_what_it_has_dropped_by_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, f"echo '{json.dumps({'nftables': [{'rule': RULE}]})}'")
    told = {labels[0]: number for labels, number in dropped()[FIREWALL_DROPPED.name]}
    assert told == {"banned": 0, "known": 0, "source": 7, "strangers": 0}


@pytest.mark.parametrize("script", ["echo 'Operation not permitted' >&2; exit 1", "echo '{'"])
def test_nothing_where_it_may_not_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    stand_in(tmp_path, monkeypatch, script)
    assert dropped() == {}


def test_nothing_where_there_is_no_firewall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dropped() == {}
