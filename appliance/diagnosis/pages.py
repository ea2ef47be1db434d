"""A page of a program of this box, fetched. Must not know what it says."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from appliance.config.listener import split_address

SECONDS = 3.0


def fetch(address: str, path: str, *, tls: bool = False) -> tuple[int, bytes]:
    """Status and body of ``path`` at ``address`` (HOST:PORT); raises OSError."""
    host, port = split_address(address)
    if tls:
        # Who is asked is this machine; whether others believe its certificate is another check's matter.
        blindly = ssl._create_unverified_context()  # noqa: S323
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=SECONDS, context=blindly)
    else:
        connection = HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except HTTPException as error:
        raise OSError(f"no HTTP: {error!r}") from error
    finally:
        connection.close()
