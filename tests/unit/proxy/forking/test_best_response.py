"""The choice among final responses, and the challenges that go with it."""

from __future__ import annotations

import pytest

from appliance.proxy.forking.best_response import Final, best, gather_challenges
from appliance.sip.message import Response


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        ([404], 404),
        ([486, 408], 486),  # silence says least
        ([487, 480], 480),
        ([500, 404], 404),  # the lowest class
        ([302, 404], 302),
        ([404, 603], 603),  # a decline everywhere outranks all
        ([486, 407], 407),  # a client can answer a challenge
        ([486, 484], 484),
        ([503, 500], 503),
        ([408, 500], 408),
    ],
)
def test_the_best_response(statuses: list[int], chosen: int) -> None:
    assert best([Final(status, response(status)) for status in statuses]).status == chosen


@pytest.mark.parametrize("leads_nowhere", [404, 416])
@pytest.mark.parametrize("other", [Final(408, None), Final(480, None), Final(486, Response(486, "", [], []))])
def test_a_contact_that_leads_nowhere_says_nothing_about_the_user(leads_nowhere: int, other: Final) -> None:
    assert best([Final(leads_nowhere, None), other]) is other
    assert best([Final(leads_nowhere, None)]).status == leads_nowhere


def response(status: int, *challenges: str) -> Response:
    answer = Response(status, "", [], [])
    for challenge in challenges:
        answer.add("Proxy-Authenticate", challenge)
    return answer


def test_all_challenges_are_gathered_once() -> None:
    first, second = response(407, 'Digest realm="a"'), response(407, 'Digest realm="b"', 'Digest realm="c"')
    busy = response(486, 'Digest realm="never"')
    gather_challenges(first, [Final(407, first), Final(407, second), Final(486, busy), Final(408, None)])
    assert first.all("proxy-authenticate") == ['Digest realm="a"', 'Digest realm="b"', 'Digest realm="c"']
