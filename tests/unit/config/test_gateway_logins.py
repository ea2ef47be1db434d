from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config.gateway_logins import GatewayLogin, read_gateway_logins
from appliance.errors import SettingsError


def written(directory: Path, text: str, mode: int = 0o640) -> str:
    file = directory / "gateways.toml"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def test_names_and_passwords_by_realm(tmp_path: Path) -> None:
    text = '["sip.carrier.example"]\nusername = "us"\npassword = "very secret"\n'
    logins = read_gateway_logins(written(tmp_path, text))
    assert logins == {"sip.carrier.example": GatewayLogin("us", "very secret")}
    assert "secret" not in repr(logins)
    assert read_gateway_logins("") == {}


@pytest.mark.parametrize(
    "text",
    ["[realm", '[r]\nusername = "us"', '[r]\nusername = "us"\npassword = 5', 'password = "very secret"'],
)
def test_a_file_that_is_none_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="is not as it has to be") as caught:
        read_gateway_logins(written(tmp_path, text))
    assert "secret" not in str(caught.value)


def test_one_that_everybody_can_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can be read by everybody: 'chmod o="):
        read_gateway_logins(written(tmp_path, "", 0o644))


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gateway\.credentials_file: .* No such file"):
        read_gateway_logins(str(tmp_path / "none.toml"))
