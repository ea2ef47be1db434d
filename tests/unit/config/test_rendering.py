from __future__ import annotations

import tomllib

import pytest

from appliance.config import Settings, effective, hide_password, parse


def test_what_is_shown_is_read_as_the_same_settings() -> None:
    settings = parse(
        '[sip]\ndomains = ["a.example", "[::1]"]\nserver_header = "quo\\"te \\\\ é"\n'
        "[database]\nchange_poll_seconds = 0.5\n[auth]\nqop = false\n"
        '[domains."a.example"]\nhosts = ["b.example"]\n[domains."a.example".attributes]\ndigest_realm = "ö"\n'
    )
    assert parse(effective(settings, hide_secrets=False)) == settings


def test_every_setting_is_shown() -> None:
    shown = tomllib.loads(effective(Settings()))
    assert set(shown) == set(Settings.__struct_fields__)
    for section, values in shown.items():
        if section != "domains":  # whose keys are domains
            assert set(values) == set(getattr(Settings(), section).__struct_fields__)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql+pymysql://u:s3cret@h/openser", "mysql+pymysql://u:***@h/openser"),
        ("mysql+pymysql://u:s3@cret@h/openser", "mysql+pymysql://u:***@h/openser"),
        ("mysql+pymysql://u:s3:c/ret@h/openser", "mysql+pymysql://u:***@h/openser"),
        ("mysql+pymysql://:s3cret@h/openser", "mysql+pymysql://:***@h/openser"),
        ("mysql+pymysql://u@h/openser?password=s3cret&x=1", "mysql+pymysql://u@h/openser?password=***&x=1"),
        ("mysql+pymysql://u@h:3306/openser", "mysql+pymysql://u@h:3306/openser"),
        ("sqlite:////var/lib/sipbox/a:b@c.db", "sqlite:////var/lib/sipbox/a:b@c.db"),
    ],
)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    assert hide_password(url) == shown


def test_secrets_are_hidden_unless_asked_for() -> None:
    url = "mysql+pymysql://u:s3cret@h{}/openser"
    settings = parse(f'[database]\nurl = "{url.format(1)}"\nothers = ["{url.format(2)}"]')
    assert "s3cret" not in effective(settings)
    assert "s3cret" in effective(settings, hide_secrets=False)
