"""Phones are told whose certificate the box has, each in the way of its maker."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning import authority
from appliance.provisioning.files import render
from tests.harness.authority import Authority
from tests.unit.provisioning.phones_made import MAC, TEMPLATES, URL, phone, site
from tests.unit.provisioning.test_files import read


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pem(signed: Authority) -> str:
    return authority.read(str(signed.file))


#: Of each maker a model, the file in which it is told, by which name, and what of it.
TOLD = [
    ("t46s", "y000000000000.cfg", "static.trusted_certificates.url", f"{URL}authority.pem"),
    ("gxp2135", f"cfg{MAC}.xml", "P8433", "PEM"),
    ("vvx411", f"{MAC}-user.cfg", "device.sec.TLS.customCaCert1", "PEM"),
    ("spa504g", f"{MAC}.xml", "Custom_CA_URL", f"{URL}authority.pem"),
]


@pytest.mark.parametrize(("model", "file", "name", "value"), TOLD)
def test_each_maker_in_its_way(model: str, file: str, name: str, value: str, pem: str) -> None:
    for believed in (pem, ""):
        served = render(phone(model, site(authority=believed)), file, TEMPLATES)
        assert served is not None
        said = read(model, served.content)
        assert said.get(name) == ((pem if value == "PEM" else value) if believed else None)


def test_snom_has_a_list_of_certificates(pem: str) -> None:
    file = f"{MAC.upper()}.xml"
    served = render(phone("d785", site(authority=pem)), file, TEMPLATES)
    assert served is not None
    assert f'<certificate url="{URL}authority.der"/>'.encode() in served.content
    without = render(phone("d785"), file, TEMPLATES)
    assert without is not None
    assert b"<certificates>" not in without.content


@pytest.mark.parametrize("model", ["budgetone-100", "grp2615", "t46s", "d785", "vvx411", "spa504g"])
def test_it_lies_in_the_folder_of_every_phone(model: str, pem: str, signed: Authority) -> None:
    served = render(phone(model, site(authority=pem)), authority.PEM, TEMPLATES)
    assert served is not None
    assert served.content == signed.file.read_bytes()
    assert not served.whole
    served = render(phone(model, site(authority=pem)), authority.DER, TEMPLATES)
    assert served is not None
    assert ssl.DER_cert_to_PEM_cert(served.content).strip() == pem
    assert render(phone(model), authority.PEM, TEMPLATES) is None


def test_of_a_file_nothing_gets_out_but_its_first_certificate(signed: Authority, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    _, key = signed.issue("192.0.2.10")
    both.write_bytes(key.read_bytes() + b"Subject: CN=somebody\r\n" + signed.file.read_bytes() * 2)
    assert authority.read(str(both)) == signed.file.read_text().strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"^authority: \S+/a\.pem cannot be read: No such file or directory$"),
        ("", r"^authority: there is no certificate in \S+/a\.pem; it has to be PEM$"),
        ("-----BEGIN CERTIFICATE-----\nä\n-----END CERTIFICATE-----\n", "there is no certificate in"),
    ],
)
def test_what_is_no_certificate(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PhoneRefused, match=said):
        authority.read(str(file))
