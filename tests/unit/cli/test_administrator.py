"""Whom MariaDB sees when root types a command."""

from __future__ import annotations

import os

import pytest
from sqlalchemy.engine import make_url

from appliance.cli.administrator import database_url, root_url

SOCKET = "mysql+pymysql://sipbox@localhost/openser?unix_socket=/run/mysqld/mysqld.sock"


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The effective user, to be set."""
    who = [0]
    monkeypatch.setattr(os, "geteuid", lambda: who[0])
    return who


def test_root_is_root(user: list[int]) -> None:
    url = root_url(SOCKET)
    assert url is not None
    assert url == make_url(SOCKET.replace("sipbox@", "root@"))
    assert database_url(SOCKET) == url


def test_everybody_else_is_whom_the_settings_name(user: list[int]) -> None:
    user[0] = 1000
    assert root_url(SOCKET) is None
    assert database_url(SOCKET) == SOCKET


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/sipbox/sipbox.db",
        "mysql+pymysql://sipbox@192.0.2.1/openser",
        SOCKET.replace("sipbox@", "sipbox:secret@"),
    ],
)
def test_where_no_socket_lets_root_in_the_settings_hold(user: list[int], url: str) -> None:
    assert root_url(url) is None
    assert database_url(url) == url
