"""Files for stored phones, rendered with opened passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.agent.phones_documents import Documents
from appliance.config import parse
from appliance.errors import PhoneRefused, SealBroken
from appliance.provisioning.vault import Vault
from tests.harness.authority import Authority
from tests.unit.agent.phones_made import MAC, OTHER, TOKEN, VAULT, stored

SETTINGS = """
[sip]
listen = ["udp:192.0.2.1:5060"]
domains = ["example.org"]
[phones]
http = "192.0.2.1:8088"
"""


def test_a_phone_gets_its_account() -> None:
    made = Documents(parse(SETTINGS), VAULT).document(stored(), f"{MAC}.cfg")
    assert made is not None
    assert b"account.1.password = secret-10\n" in made.content
    assert made.whole
    common = Documents(parse(SETTINGS), VAULT).document(stored(), "y000000000000.cfg")
    assert common is not None
    assert not common.whole
    assert f"http://192.0.2.1:8088/{TOKEN}/".encode() in common.content


@pytest.mark.parametrize(
    "file", ["nothing.rom", "", f"{OTHER}.cfg", f"cfg{MAC}", f"x/{MAC}.cfg", "../sipbox.toml"]
)
def test_what_it_does_not_get(file: str) -> None:
    assert Documents(parse(SETTINGS), VAULT).document(stored(), file) is None


def test_templates_of_a_sites_own_come_first(tmp_path: Path) -> None:
    (tmp_path / "yealink").mkdir()
    (tmp_path / "yealink" / "accounts.cfg.j2").write_text("mine = {{ phone.mac }}\n")
    settings = parse(f'{SETTINGS}templates = "{tmp_path}"\n')
    made = Documents(settings, VAULT).document(stored(), f"{MAC}.cfg")
    assert made is not None
    assert made.content == f"mine = {MAC}\n".encode()


def test_the_authority_that_the_settings_name(tmp_path: Path) -> None:
    file = Authority(tmp_path).file
    documents = Documents(parse(f'{SETTINGS}authority = "{file}"\n'), VAULT)
    made = documents.document(stored(), "authority.pem")
    assert made is not None
    assert made.content == file.read_bytes()
    common = documents.document(stored(), "y000000000000.cfg")
    assert common is not None
    assert f"http://192.0.2.1:8088/{TOKEN}/authority.pem".encode() in common.content
    file.unlink()
    with pytest.raises(PhoneRefused, match="cannot be read"):
        documents.document(stored(), "authority.pem")
    assert Documents(parse(SETTINGS), VAULT).document(stored(), "authority.pem") is None


def test_with_another_key_nothing_is_made() -> None:
    with pytest.raises(SealBroken, match="another key"):
        Documents(parse(SETTINGS), Vault([bytes(32)])).document(stored(), f"{MAC}.cfg")
