"""Members of a real cluster that speak TLS with one another, by the certificate that their key makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.debian_box import REPOSITORY
from tests.harness.galera import Galera
from tests.harness.mariadb import MariaDBFailed

pytestmark = pytest.mark.mariadb

SCRIPT = REPOSITORY / "roles/database/files/member_certificate.py"
KEY = "0123456789abcdef" * 4


def made(key: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT], input=f"{key}\n", capture_output=True, text=True, check=True
    )
    certificate: dict[str, str] = json.loads(done.stdout)
    return certificate


def options(place: Path, key: str) -> str:
    """Of Galera, with the certificate written to ``place``."""
    place.mkdir()
    place.chmod(0o755)
    for name, text in made(key).items():
        (place / f"{name}.pem").write_text(text)
        (place / f"{name}.pem").chmod(0o644)  # the server of the tests is nobody's
    own = f"{place}/certificate.pem"
    return f";socket.ssl_cert={own};socket.ssl_key={place}/key.pem;socket.ssl_ca={own}"


def test_one_key_always_makes_the_same_certificate_and_another_one_another() -> None:
    assert made(KEY) == made(KEY)
    assert made(KEY)["certificate"] != made("f" * 64)["certificate"]
    assert KEY not in json.dumps(made(KEY))


def test_members_with_one_key_are_a_cluster_and_nobody_else_comes_in(tmp_path: Path) -> None:
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
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
