"""Whatever comes: nobody meets a fault of ours, what is sent can be read, and nothing is left behind.

Requests and responses are spoilt at random, but the same each time: a failure can be looked at again.
"""

from __future__ import annotations

from random import Random

import pytest

from appliance.sip.hop import Hop
from tests.unit.proxy.stage import DOMAIN, PROXY, Stage, response_to

METHODS = ("INVITE", "REGISTER", "MESSAGE", "OPTIONS", "CANCEL", "ACK", "BYE", "SUBSCRIBE")
HOPS = (Hop("udp", "192.0.2.10", 5060), Hop("tcp", "192.0.2.10", 40000, 1, 3))
ROUTE = ("Route", f"<sip:{PROXY};lr;ftag=a;sig=b>")
UNUSUAL = (("Max-Breadth", "3"), ("Path", "<sip:p;lr>"), ("Expires", "30"), ("Proxy-Require", "x"))
PIECES = [
    piece.encode("latin-1")
    for piece in (
        *'"<>,;:@%\\?=(*\n\r\0\xff',
        *(
            "%0a",
            "\r\n ",
            "\xc2\xb2",
            "[::1]",
            "9" * 21,
            "-1",
            "",
            "sip:",
            "tel:",
            "sips:",
            "z9hG4bK",
            "x" * 300,
        ),
        *(
            ';+sip.instance="<a>"',
            ";reg-id=1",
            ";q=2",
            ";expires=99999999999",
            ";lr",
            ";transport=TLS",
            "SIP/2.0",
        ),
    )
]


class Spoiler:
    """Makes messages as phones do, and then worse."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.stage = stage = Stage()
        for user in ("10", "11"):
            stage.add_user(user)
        stage.bind("11", "sip:11@192.0.2.11", "sip:11@192.0.2.12", "sip:11@192.0.2.13;transport=tcp")

    def message(self) -> bytes:
        random, stage = self.random, self.stage
        sent = [each.message for each in stage.sent[-30:] if each.message.is_request]
        if sent and random.random() < 0.3:
            status = random.choice((100, 180, 200, 302, 401, 407, 486, 503, 603))
            return response_to(random.choice(sent), status).encode()
        method = random.choice(METHODS)
        request = stage.request(
            method,
            f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:11@{DOMAIN}",
            caller=random.choice((f"sip:10@{DOMAIN}", "sip:bob@elsewhere.example")),
            to=f"sip:10@{DOMAIN}" if method == "REGISTER" else None,
            to_tag=random.choice((None, None, "x")),
            headers=random.choice(((), (ROUTE,), UNUSUAL)),
        )
        if random.random() < 0.5:
            return request.encode()
        answers = [each.message for each in stage.receive(request) if each.message.status in (401, 407)]
        return (stage.answered(request, answers[0]) if answers else request).encode()

    def spoil(self, data: bytes) -> bytes:
        random = self.random
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            at = random.randrange(len(data) + 1)
            how = random.randrange(5)
            if how == 4:
                lines = data.split(b"\r\n")
                line = random.randrange(len(lines))
                name, colon, _ = lines[line].partition(b":")
                lines[line : line + 1] = random.choice(
                    ([], [lines[line]] * 2, [name + colon + b" " + random.choice(PIECES)])
                )
                data = b"\r\n".join(lines)
            else:
                left = (0, 1, random.randrange(12), random.randrange(30))[how]
                piece = (random.choice(PIECES), random.randbytes(1), random.choice(PIECES), b"")[how]
                data = data[:at] + piece + data[at + left :]
        return data


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_a_fault_of_ours_and_nothing_is_left_behind(seed: int) -> None:
    spoiler = Spoiler(seed)
    stage = spoiler.stage
    for number in range(2000):
        # Sent messages are read by the tests' own parser on the way (Stage.send).
        stage.receive(spoiler.spoil(spoiler.message()), spoiler.random.choice(HOPS))
        if number % 50 == 0:
            stage.advance(0.2)
            del stage.sent[:-50]
    assert [words for words in stage.told if "fault" in words] == []
    for _ in range(400):
        stage.now += 1
        stage.core.wheel.advance(stage.now)
        stage._run_deferred()
    assert (len(stage.core.transactions), len(stage.core.wheel)) == (0, 0)
    assert stage.core.admission.in_progress == {}
    assert stage.core.calls._being_set_up == 0
