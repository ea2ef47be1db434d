"""The certificates for TLS: which are in use, and those in the files instead of them (Kamailio's
``tls.reload``).
"""

from __future__ import annotations

from typing import Any

from appliance.errors import ControlError, SettingsError
from appliance.operations.box import Box
from appliance.telemetry.journal import event
from appliance.transport.certificates import DAYS_LEFT, Certificate


class Certificates:
    """``sipbox certificate``, OpenSIPS' ``tls_list`` and ``tls_reload``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def dump(self) -> list[dict[str, Any]]:
        """Each certificate in use: its ``name`` ("default" or a domain), ``file``, ``names``, ``issuer``, and
        when it ``expires`` (UTC seconds)."""
        return [certificate.told() for certificate in self._box.certificates()]

    def reload(self) -> list[dict[str, Any]]:
        """Reads the files again, and gives what is in use then. Raises ControlError where one is bad; the old
        ones stay."""
        try:
            found = self._box.reload_certificates()
        except SettingsError as error:
            raise ControlError(500, f"the certificates in use stay: {error}") from None
        event("command", f"tls_reload: {len(found)} certificates are in use", command="tls_reload")
        return [certificate.told() for certificate in found]


def expiring(certificate: Certificate, wall: float) -> dict[str, str] | None:
    """What is wrong with one that expires soon, or has; None when nothing is."""
    days = certificate.days_left(wall)
    if days >= DAYS_LEFT:
        return None
    when = f"expires in {days} days" if days >= 0 else "has expired: phones refuse to connect"
    return {
        "what": f"The certificate {certificate.files.certificate} {when}.",
        "todo": "Put a new one in its place, then: sipbox certificate reload.",
    }
