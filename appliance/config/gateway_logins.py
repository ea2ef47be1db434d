"""Our names and passwords at gateways, by realm, in a file of their own: the settings are shown, this is not.

::

    ["sip.carrier.example"]
    username = "our-name"
    password = "..."

Must not know what they are used for.
"""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

from msgspec import Struct, ValidationError, convert

from appliance.errors import SettingsError

_KEY = "gateway.credentials_file"


class GatewayLogin(Struct, frozen=True, forbid_unknown_fields=True):
    """A name and a password."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"<GatewayLogin {self.username}>"


def read_gateway_logins(path: str) -> dict[str, GatewayLogin]:
    """The logins of the file ``path``, "" is none. SettingsError when it cannot be read, or by everybody."""
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IRWXO:
                raise SettingsError(f"{path} can be read by everybody: 'chmod o= {path}'", path=_KEY)
            return convert(tomllib.load(file), dict[str, GatewayLogin])
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", path=_KEY) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        # Its words may quote the file, and there are passwords in it.
        problem = f'{path} is not as it has to be: ["REALM"], username = "...", password = "..."'
        raise SettingsError(problem, path=_KEY) from error
