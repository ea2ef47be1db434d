from __future__ import annotations

import pytest

from appliance.config import parse
from appliance.config.readers import same_but_for_reload, with_domains

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
        ('[domains."example.org"]\nhosts = ["pbx.example.org"]\n', True),
        ('[tls]\ncertificate = "/a.pem"\ncertificate_key = "/a.key"\n', True),
        ('[tls]\ncertificate = "/a.pem"\ncertificate_key = "/a.key"\nminimum_version = "1.3"\n', False),
    ],
)
def test_what_only_the_agent_reads_or_what_is_read_again_takes_no_restart(more: str, same: bool) -> None:
    assert same_but_for_reload(parse(BEFORE), parse(BEFORE + more)) is same


def test_only_the_domains_are_taken_over() -> None:
    old, new = parse(BEFORE), parse('[sip]\nring_seconds = 60\ndomains = ["example.net"]\n')
    mixed = with_domains(old, new)
    assert mixed.named_domains == new.named_domains
    assert mixed.sip.ring_seconds == old.sip.ring_seconds
