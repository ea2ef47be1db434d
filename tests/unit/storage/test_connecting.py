from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from appliance.storage.connecting import mariadb_arguments

SOCKET = "unix_socket=/run/mysqld/mysqld.sock"


@pytest.mark.parametrize(
    ("url", "disabled"),
    [
        (f"mysql+pymysql://sipbox@localhost/openser?{SOCKET}", True),
        ("mysql+pymysql://sipbox:p@192.0.2.11/openser", False),
        ("mysql+pymysql://sipbox:p@192.0.2.11/openser?ssl_ca=/etc/sipbox/members.pem", False),
    ],
)
def test_a_unix_socket_is_spoken_to_without_tls(url: str, disabled: bool) -> None:
    """The driver would speak it unasked, and nothing could go the short way."""
    told = mariadb_arguments(make_url(url), connect_timeout=5, query_timeout=10)
    assert told["ssl_disabled"] is disabled
