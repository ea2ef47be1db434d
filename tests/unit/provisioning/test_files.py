from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import PhoneRefused
from appliance.provisioning.files import check, file_names, render
from appliance.provisioning.models import models
from appliance.provisioning.phone import Line, Phone, parse_phone
from tests.unit.provisioning.phones_made import MAC, TEMPLATES, content, elements, lines, phone, site
from tests.unit.provisioning.test_grandstream_binary import taken_apart
from tests.unit.provisioning.test_polycom import attributes

#: The file of each kind of phone that has its accounts, and where the display name stands in it.
SHOWN = {
    "budgetone-100": (f"cfg{MAC}", "P3"),
    "gxp2135": (f"cfg{MAC}.xml", "P3"),
    "t46s": (f"{MAC}.cfg", "account.1.display_name"),
    "d785": (f"{MAC.upper()}.xml", "user_realname"),
    "vvx411": (f"{MAC}-user.cfg", "reg.1.displayName"),
    "spa504g": (f"{MAC}.xml", "Display_Name_1_"),
}
SECRET = {
    "budgetone-100": "P34",
    "gxp2135": "P34",
    "t46s": "account.1.password",
    "d785": "user_pass",
    "vvx411": "reg.1.auth.password",
    "spa504g": "Password_1_",
}


def read(model: str, document: bytes) -> dict[str, str]:
    if model == "budgetone-100":
        return taken_apart(document)[1]
    if model == "t46s":
        return lines(document)
    return attributes(document) if model == "vvx411" else elements(document)


@pytest.mark.parametrize("model", models(), ids=lambda model: str(model.name))
def test_each_model_with_all_its_accounts(model: object) -> None:
    found = next(each for each in models() if each is model)
    accounts = tuple(
        Line(number=n, user=str(100 + n), domain="example.org", password="s3cret")
        for n in range(1, found.lines + 1)
    )
    made = Phone(MAC, found, accounts, site())
    whole = b""
    for name in file_names(made):
        served = render(made, name, TEMPLATES)
        assert served is not None
        if "xml" in served.content_type:
            ET.fromstring(served.content)
        assert served.whole == (b"s3cret" in served.content)
        whole += served.content
    assert all(str(100 + n).encode() in whole for n in range(1, found.lines + 1))


@settings(deadline=None)
@given(st.sampled_from(sorted(SHOWN)), st.text(max_size=60), st.text(max_size=30))
def test_no_display_name_says_anything_else(model: str, display_name: str, label: str) -> None:
    """Whatever somebody is called, the file has the same parameters as for Ada, and one says the name."""
    name, shown = SHOWN[model]
    plain = read(model, content(phone(model, display_name="Ada", label="Ada"), name))
    try:
        document = content(phone(model, display_name=display_name, label=label), name)
    except PhoneRefused as refused:
        assert "\n" not in str(refused)
        return
    said = read(model, document)
    assert said.keys() == plain.keys()
    assert said[shown] == (display_name.strip(" ") or "10")
    assert sum(said[key] != value for key, value in plain.items()) <= 2


@settings(deadline=None)
@given(st.sampled_from(sorted(SHOWN)), st.text(min_size=1, max_size=60))
def test_a_password_arrives_as_it_is_or_not_at_all(model: str, password: str) -> None:
    try:
        made = phone(model, user="10", password=password)
        document = content(made, SHOWN[model][0])
    except PhoneRefused as refused:
        assert len(password) < 4 or password not in str(refused)
        return
    said = read(model, document)
    assert said[SECRET[model]] == password


@pytest.mark.parametrize("model", sorted(SHOWN))
def test_what_is_not_this_phones_is_none(model: str) -> None:
    made = phone(model)
    own = {name.lower() for name in file_names(made)}
    others = [name for name, _ in SHOWN.values() if name.lower() not in own]
    strangers = [name.replace("123456", "123457") for name in file_names(made) if "123456" in name]
    for name in [*others, *strangers, "", "x"]:
        assert render(made, name, TEMPLATES) is None


def test_a_line_without_its_password() -> None:
    made = phone("gxp2135", password="")
    check(made, TEMPLATES)
    with pytest.raises(PhoneRefused, match=r"password: of 10@example\.org is not known"):
        render(made, f"cfg{MAC}.xml", TEMPLATES)


def test_a_phone_that_cannot_know_where_to_ask() -> None:
    made = phone("gxp2135", site(url=""))
    check(made, TEMPLATES)
    with pytest.raises(PhoneRefused, match="url: is missing"):
        render(made, f"cfg{MAC}.xml", TEMPLATES)


def test_a_check_says_what_the_vendor_cannot_be_told() -> None:
    entry = {"mac": MAC, "model": "t46s", "user": "10", "display_name": 'Ada "the first"'}
    with pytest.raises(PhoneRefused, match="leave out the quotes"):
        check(parse_phone(entry, site(url="")), TEMPLATES)


def test_content_types() -> None:
    served = [render(phone(model), name, TEMPLATES) for model, (name, _) in sorted(SHOWN.items())]
    assert [each.content_type for each in served if each] == [
        "application/octet-stream",
        "text/xml; charset=utf-8",
        "application/xml; charset=utf-8",
        "text/xml; charset=utf-8",
        "text/plain; charset=utf-8",
        "text/xml; charset=utf-8",
    ]
