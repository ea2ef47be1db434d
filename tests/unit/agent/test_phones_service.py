from __future__ import annotations

import pytest

from appliance.agent import phones_service
from appliance.agent.phones_service import own_account
from appliance.config import parse
from appliance.errors import SettingsError

SOCKET = "?unix_socket=/run/mysqld/mysqld.sock"


@pytest.mark.parametrize(
    ("url", "user"),
    [
        (f"mysql+pymysql://sipbox@localhost/openser{SOCKET}", "sipbox-agent"),
        (f"mysql+pymysql://sipbox:secret@localhost/openser{SOCKET}", "sipbox"),
        ("mysql+pymysql://sipbox@192.0.2.1/openser", "sipbox"),
        ("sqlite:////var/lib/sipbox/sipbox.db", None),
    ],
)
def test_by_the_socket_the_agent_comes_as_itself(
    monkeypatch: pytest.MonkeyPatch, url: str, user: str | None
) -> None:
    monkeypatch.setattr(phones_service.os, "geteuid", lambda: 998)
    monkeypatch.setattr(phones_service.getpass, "getuser", lambda: "sipbox-agent")
    assert own_account(url).username == user


def test_a_certificate_that_cannot_be_used_is_a_setting(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("tls")
    key = place / "phones.key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    settings = parse(
        f'[database]\nurl = "sqlite:///{place}/sipbox.db"\n[phones]\nhttp = "127.0.0.1:8088"\n'
        f'key_file = "{key}"\ncertificate = "{place}/no.pem"\ncertificate_key = "{place}/no.key"\n'
    )
    with pytest.raises(SettingsError, match=r"phones\.certificate: .*no\.pem with .* cannot be used"):
        phones_service.PhoneService(settings)
