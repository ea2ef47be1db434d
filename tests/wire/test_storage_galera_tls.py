"""Members of a real cluster that speak TLS with one another, by the certificate that their key makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.galera import Galera
from tests.harness.mariadb import MariaDBFailed
from tests.harness.member_certificate import member_certificate, written

pytestmark = pytest.mark.mariadb

KEY = "0123456789abcdef" * 4


def options(place: Path, key: str) -> str:
    """Of Galera, with the certificate written to ``place``."""
    written(place, key)
    own = f"{place}/certificate.pem"
    return f";socket.ssl_cert={own};socket.ssl_key={place}/key.pem;socket.ssl_ca={own}"


def test_one_key_always_makes_the_same_certificate_and_another_one_another() -> None:
    assert member_certificate(KEY) == member_certificate(KEY)
    assert member_certificate(KEY)["certificate"] != member_certificate("f" * 64)["certificate"]
    assert KEY not in json.dumps(member_certificate(KEY))


def test_members_with_one_key_are_a_cluster_and_nobody_else_comes_in(tmp_path: Path) -> None:
    with Galera(2, provider=options(tmp_path / "ours", KEY)) as cluster:
        first, second = cluster.members
        first.sql("create database shared")
        assert second.sql("show databases like 'shared'") == [("shared",)]
        second.stop()
        first.sql("create database missed")
        second.start(60)
        cluster.wait_for_size(2, second)
        assert second.sql("show databases like 'missed'") == [("missed",)], "it gets what it has missed"
        second.stop()
        theirs = options(tmp_path / "theirs", "f" * 64)
        mine = str(tmp_path / "ours")
        second.options = tuple(each.replace(mine, str(tmp_path / "theirs")) for each in second.options)
        assert theirs and second.options
        with pytest.raises(MariaDBFailed):
            second.start(30)
        cluster.wait_for_size(1)
