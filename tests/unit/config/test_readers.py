from __future__ import annotations

import pytest

from appliance.config import parse
from appliance.config.readers import same_for_server

BEFORE = '[sip]\ndomains = ["example.org"]\n'


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ("", True),
        ("ring_seconds = 120  # as it is anyway\n", True),
        ('[agent]\nhttp = ""\n', True),
        ('[phones]\nauthority = "/etc/sipbox/tls/authority.pem"\n', True),
        ("ring_seconds = 60\n", False),
        ('[log]\nlevel = "debug"\n', False),
        ('[domains."example.org"]\nhosts = ["pbx.example.org"]\n', False),
    ],
)
def test_what_only_the_agent_reads_is_nothing_to_the_server(more: str, same: bool) -> None:
    assert same_for_server(parse(BEFORE), parse(BEFORE + more)) is same
