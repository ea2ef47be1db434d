from __future__ import annotations

import pytest

from appliance.proxy.forking.best_response import Final
from appliance.proxy.pstn.failover import Failover
from appliance.sip.message import Response


@pytest.mark.parametrize(
    ("status", "answered", "rang", "failed"),
    [
        (503, True, False, True),
        (503, True, True, True),
        (502, True, False, True),
        (500, True, False, False),  # the settings do not name it
        (486, True, False, False),
        (404, True, False, False),
        (408, True, True, False),
        (408, False, False, True),  # silence
        (480, False, False, True),  # no way there
        (408, False, True, False),  # the callee does not answer
        (487, False, False, False),  # the caller has given up
    ],
)
def test_who_has_failed(status: int, answered: bool, rang: bool, failed: bool) -> None:
    final = Final(status, Response(status, "x", [], []) if answered else None)
    assert Failover((502,)).has_failed(final, rang=rang) is failed
