from __future__ import annotations

from appliance.config import parse
from appliance.config.agreement import digest

BOX = """
[sip]
listen = ["udp:192.0.2.{0}:5060"]
domains = ["example.org"]
[replication]
interface = "192.0.2.{0}"
peers = ["192.0.2.{1}:5065"]
key_file = "/k"
node = "pbx-{0}"
"""


def test_what_is_each_boxs_own_does_not_count() -> None:
    assert digest(parse(BOX.format(1, 2))) == digest(parse(BOX.format(2, 1)))


def test_how_phones_are_treated_does() -> None:
    one = digest(parse(BOX.format(1, 2)))
    assert digest(parse(BOX.format(1, 2) + "[nat]\nkeepalive_seconds = 30")) != one
    assert digest(parse(BOX.format(1, 2).replace("example.org", "example.net"))) != one
    assert digest(parse(BOX.format(1, 2).replace("[replication]", "ring_seconds = 9\n[replication]"))) != one
