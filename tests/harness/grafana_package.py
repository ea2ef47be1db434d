"""A Debian package that stands in for Grafana's, and a signed repository that has it.

Grafana itself comes from none of the places that the tests install from. The package has what the role relies
on: the name, the user, the unit ``grafana-server`` and the directory of the provisioning.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Self

from tests.harness.booted_box import BootedBox
from tests.harness.debian_box import check
from tests.harness.startable import Startable

_CONTROL = """\
Package: grafana
Version: 11.6.0
Architecture: all
Depends: python3, python3-yaml
Maintainer: The tests <tests@example.org>
Description: stands in for Grafana
"""
_UNIT = """\
[Unit]
Description=Stands in for Grafana
[Service]
User=grafana
Group=grafana
ExecStart=/usr/bin/python3 /usr/share/grafana/stand_in.py
[Install]
WantedBy=multi-user.target
"""
_POSTINST = """\
#!/bin/sh
set -e
getent passwd grafana >/dev/null || useradd --system --user-group --home-dir /usr/share/grafana grafana
place=/etc/grafana/provisioning
install -d -o root -g grafana -m 0750 /etc/grafana $place $place/datasources $place/dashboards
"""


class GrafanaPackage(Startable):
    """Entered: ``file`` is the package, ``key`` the key of the repository in its text form."""

    def start(self) -> Self:
        self._place = Path(tempfile.mkdtemp(prefix="sbx-", dir="/tmp"))  # short, for the sockets of gpg
        self.file = self._place / "repository" / "pool" / "grafana_11.6.0_all.deb"
        self.file.parent.mkdir(parents=True)
        self._build()
        self._index()
        self._sign()
        return self

    def _build(self) -> None:
        tree = self._place / "tree"
        for path, text, mode in (
            ("DEBIAN/control", _CONTROL, 0o644),
            ("DEBIAN/postinst", _POSTINST, 0o755),
            ("usr/lib/systemd/system/grafana-server.service", _UNIT, 0o644),
            (
                "usr/share/grafana/stand_in.py",
                Path(__file__).with_name("grafana_stand_in.py").read_text(),
                0o644,
            ),
        ):
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
            (tree / path).chmod(mode)
        check(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, self.file])

    def _index(self) -> None:
        data = self.file.read_bytes()
        packages = (
            f"{_CONTROL}Filename: pool/{self.file.name}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
        architecture = check(["dpkg", "--print-architecture"]).strip()
        suite = self._place / "repository" / "dists" / "stable"
        index = suite / "main" / f"binary-{architecture}" / "Packages"
        index.parent.mkdir(parents=True)
        index.write_text(packages)
        digest = hashlib.sha256(packages.encode()).hexdigest()
        (suite / "Release").write_text(
            f"Origin: tests\nSuite: stable\nCodename: stable\nComponents: main\n"
            f"Architectures: {architecture}\nDate: {email.utils.formatdate(usegmt=True)}\n"
            f"SHA256:\n {digest} {len(packages)} {index.relative_to(suite)}\n"
        )

    def _sign(self) -> None:
        suite = self._place / "repository" / "dists" / "stable"
        home = self._place / "gpg"
        home.mkdir(mode=0o700)
        gpg = [
            "gpg",
            "--homedir",
            home,
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            "--pinentry-mode",
            "loopback",
        ]
        check([*gpg, "--quick-generate-key", "tests@example.org", "rsa3072", "sign", "1d"])
        check([*gpg, "--clearsign", "--output", suite / "InRelease", suite / "Release"])
        self.key = check([*gpg, "--armor", "--export"])

    def bring(self, box: BootedBox, place: str) -> None:
        """The repository, as a directory of the box."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(self._place / "repository", ".")
        unpack = f"mkdir -p {place} && base64 -d | tar -C {place} -xz && chmod -R a+rX {place}"
        box.ssh(unpack, typed=base64.b64encode(packed.getvalue()).decode())

    def close(self) -> None:
        if hasattr(self, "_place"):
            home = self._place / "gpg"
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True, check=False)
            shutil.rmtree(self._place, ignore_errors=True)
