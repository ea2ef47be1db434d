"""What Ansible has installed, and whether it is still so: the release and the files that it wrote.

The role ``sip`` leaves ``/etc/sipbox/installed.json``: ``{"release": NAME, "files": {PATH: SHA-256}}``. What
was not installed so has no such file, and nothing to be compared with.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance import __version__
from appliance.diagnosis.finding import AS_ROOT, Finding, Unknown, few
from appliance.diagnosis.surroundings import Surroundings

RECORD = Path("etc/sipbox/installed.json")
CURRENT = Path("opt/sipbox/current")
MISSING, UNREADABLE = "missing", "unreadable"


def judge(
    wanted: Mapping[str, str], found: Mapping[str, str], release: str, current: str, runs: str, ours: str
) -> Finding:
    """``wanted`` and ``found`` are digests by file. ``release`` is what Ansible has installed, ``current``
    what is linked, ``runs`` where the server's program is and ``ours`` where this one is; "" is not known."""
    if current != release:
        what = f"{current or 'nothing'} is linked as the release at work, and {release} was installed last"
        return Finding("wrong", what, "Finish what was cut off: ansible-playbook site.yml.")
    if runs and runs != ours:
        what = f"the server still runs {runs}, and {ours} is installed"
        return Finding("wrong", what, "Have it take the new one: systemctl restart 'sipbox@*.service'.")
    gone = [path for path, digest in found.items() if digest == MISSING]
    if gone:
        return Finding(
            "wrong", f"{few(gone)} is missing", "Have it written again: ansible-playbook site.yml."
        )
    changed = [path for path, digest in wanted.items() if found.get(path) not in (None, UNREADABLE, digest)]
    if changed:
        return Finding(
            "wrong",
            f"{few(changed)} was changed by hand after it was installed",
            "Put the change into the inventory, then: ansible-playbook site.yml"
            " (--check --diff before shows what it would put back).",
        )
    closed = [path for path, digest in found.items() if digest == UNREADABLE]
    rest = f"; {few(closed)} may not be read by this user" if closed else ""
    return Finding("ok", f"release {release}, {len(wanted) - len(closed)} files as they were installed{rest}")


def look(around: Surroundings) -> Finding:
    """The record of the installation, held against the files."""
    try:
        record = json.loads((around.root / RECORD).read_text())
        wanted, release = dict(record["files"]), str(record["release"])
    except FileNotFoundError:
        return Finding("off", f"not installed by Ansible; this is version {__version__}")
    except PermissionError as error:
        raise Unknown(f"/{RECORD} may not be read by this user", AS_ROOT) from error
    except (ValueError, KeyError, TypeError):
        return Finding("wrong", f"/{RECORD} is damaged", "Have it written again: ansible-playbook site.yml.")
    try:
        current = (around.root / CURRENT).readlink().name
    except OSError:
        current = ""
    found = {path: _digest(around.root / path.lstrip("/")) for path in wanted}
    runs = str((around.status or {}).get("program", ""))
    return judge(wanted, found, release, current, runs, sys.prefix if runs else "")


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return MISSING
    except OSError:
        return UNREADABLE
