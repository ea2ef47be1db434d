"""After a reload nobody has to start anew for what was read by it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from appliance.assembly.reloading import Reloading
from appliance.config import Settings, parse
from appliance.errors import SettingsError

BEFORE = """
[sip]
domains = ["example.org"]
listen = ["udp:192.0.2.1:5060", "tls:192.0.2.1:5061"]
[tls]
certificate = "/etc/old.pem"
certificate_key = "/etc/old.key"
[domains."example.org"]
hosts = ["pbx.example.org"]
"""
DOMAIN = BEFORE.replace("pbx.example.org", "sip.example.org")
CERTIFICATE = BEFORE.replace("/etc/old", "/etc/new")
BOTH = DOMAIN.replace("/etc/old", "/etc/new")
OTHER = BEFORE.replace("[tls]", "ring_seconds = 7\n[tls]")


class Bench:
    """A file whose text is ``text``; ``bad`` is what is wrong with its certificates."""

    def __init__(self) -> None:
        self.text = BEFORE
        self.bad: SettingsError | None = None
        self.agreed: list[Settings] = []
        network: Any = SimpleNamespace(tls=SimpleNamespace(reload=self._reload))
        directory: Any = SimpleNamespace(reload_domains=lambda named: None)
        journal: Any = SimpleNamespace(event=lambda name, message: None)
        metrics: Any = SimpleNamespace()
        self.reloading = Reloading(
            self._read(), network, directory, metrics, journal, self._read, self.agreed.append
        )

    def _read(self) -> Settings:
        return parse(self.text)

    def _reload(self, wanted: object) -> list[object]:
        if self.bad is not None:
            raise self.bad
        return []


@pytest.mark.parametrize("text", [DOMAIN, CERTIFICATE, BOTH, OTHER])
def test_what_a_signal_has_read_is_not_outdated(text: str) -> None:
    bench = Bench()
    assert not bench.reloading.outdated()
    bench.text = text
    assert bench.reloading.outdated()
    bench.reloading.everything()
    assert bench.reloading.outdated() is (text == OTHER)


def test_domains_alone_leave_certificates_as_they_were() -> None:
    bench = Bench()
    bench.text = BOTH
    bench.reloading.domains()
    assert bench.reloading.outdated()
    bench.reloading.certificates()
    assert not bench.reloading.outdated()


def test_a_certificate_that_was_refused_is_still_to_come() -> None:
    bench = Bench()
    bench.text, bench.bad = CERTIFICATE, SettingsError("it is over", path="tls.certificate")
    bench.reloading.everything()
    assert bench.reloading.outdated()


def test_the_last_certificate_stays_until_the_next_start() -> None:
    bench = Bench()
    bench.text = BEFORE.replace(', "tls:192.0.2.1:5061"', "")
    bench.text = bench.text.replace("/etc/old.pem", "").replace("/etc/old.key", "")
    bench.reloading.everything()
    assert bench.reloading.outdated()


def test_others_are_told_of_the_domains_that_are_in_use() -> None:
    bench = Bench()
    bench.text = DOMAIN.replace("[tls]", "ring_seconds = 7\n[tls]")
    bench.reloading.everything()
    (agreed,) = bench.agreed
    assert agreed.named_domains[0].hosts == ("sip.example.org",)
    assert agreed.sip.ring_seconds == parse(BEFORE).sip.ring_seconds
