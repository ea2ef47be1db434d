"""Who the command line is for MariaDB: root of this machine is the server's ``root``, by its unix socket.

Debian lets the system user root in as MariaDB's ``root`` without a password. The user of the settings is then
another system user's, and root could not even be let in as that one. So root types ``sipbox`` without any
option; everybody else works with the settings' own URL. Must not know what is asked of the database.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

ROOT = "root"


def root_url(url: str) -> URL | None:
    """The URL for root: ``url`` with MariaDB's root as its user.

    None when the effective user is another, or when ``url`` is no MariaDB by unix socket without a password.
    """
    if os.geteuid() != 0 or url.startswith("sqlite:"):
        return None
    from sqlalchemy.engine import make_url

    from appliance.storage.connecting import is_by_socket

    complete = make_url(url)
    return complete.set(username=ROOT) if is_by_socket(complete) else None


def database_url(url: str) -> str | URL:
    """The URL that a command connects with: root's, or the settings' own."""
    return root_url(url) or url
