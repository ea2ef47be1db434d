from __future__ import annotations

import json

import pytest

from appliance.telemetry.kernel_drops import counted


def rule(comment: str, packets: int) -> dict[str, object]:
    counter = {"counter": {"packets": packets, "bytes": packets * 300}}
    told = {"family": "inet", "table": "sipbox", "chain": "strangers", "expr": [counter, {"drop": None}]}
    return {"rule": told | ({"comment": comment} if comment else {})}


def test_packets_by_the_rule() -> None:
    told = [{"metainfo": {}}, {"chain": {}}, rule("banned", 3), rule("banned", 4), rule("strangers", 9)]
    told += [rule("", 100), rule("mine", 5), {"rule": {"comment": "source", "expr": [{"accept": None}]}}]
    assert counted(json.dumps({"nftables": told})) == {"banned": 7, "strangers": 9, "source": 0}


@pytest.mark.parametrize(
    "told", [None, "", "x", "[]", "{}", '{"nftables": 3}', '{"nftables": [{"rule": 3}]}']
)
def test_what_is_no_answer_counts_nothing(told: str | None) -> None:
    assert counted(told) == {}
