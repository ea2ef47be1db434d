"""Who the command line is for MariaDB: root of this machine is the server's ``root``, by its unix socket.

Debian lets the system user root in as MariaDB's ``root`` without a password. The user of the settings is then
another system user's, and root could not even be let in as that one. So root types ``sipbox`` without any
option; everybody else works with the settings' own URL. Where that leads to other hosts, there is nobody but
its user: the first of them that is well is asked. Must not know what is asked of the database.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from appliance.config.sections.storage import DatabaseSettings

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


def member_url(section: DatabaseSettings) -> str:
    """The URL of the settings, or of the first other member that is well when it leads to a host that is not.

    For what has to be done at one member from its begin to its end.
    """
    if not section.others:
        return section.url
    from sqlalchemy.engine import make_url

    from appliance.storage.connecting import is_by_network
    from appliance.storage.members import Members

    urls = [make_url(url) for url in (section.url, *section.others)]
    if not is_by_network(urls[0]):
        return section.url
    members = Members(
        urls,
        pool_size=1,
        connect_timeout=section.connect_timeout_seconds,
        query_timeout=section.query_timeout_seconds,
    )
    try:
        return members.first_well().render_as_string(hide_password=False)
    finally:
        members.dispose()
