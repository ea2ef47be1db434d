from __future__ import annotations

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.models import find_model, models, vendor_of_mac


@pytest.mark.parametrize(
    ("said", "name", "vendor", "form"),
    [
        ("budgetone-100", "budgetone-100", "grandstream", "binary"),
        ("Grandstream BudgeTone 100", "budgetone-100", "grandstream", "binary"),
        ("BT100", "budgetone-100", "grandstream", "binary"),
        ("GXP-2135", "gxp2135", "grandstream", "xml1"),
        ("grp2612", "grp2612", "grandstream", "xml2"),
        ("Yealink SIP-T46S", "t46s", "yealink", "cfg"),
        ("T46S", "t46s", "yealink", "cfg"),
        ("snom 370", "370", "snom", "xml"),
        ("Snom D785", "d785", "snom", "xml"),
        ("Polycom VVX 411", "vvx411", "polycom", "xml"),
        ("SoundPoint IP 335", "ip335", "polycom", "xml"),
        ("Cisco SPA504G", "spa504g", "cisco", "xml"),
        ("Linksys SPA942", "spa942", "cisco", "xml"),
    ],
)
def test_a_model_as_people_write_it(said: str, name: str, vendor: str, form: str) -> None:
    assert find_model(said)[:3] == (name, vendor, form)


def test_each_model_is_found_by_its_own_name() -> None:
    assert all(find_model(model.name) is model for model in models())
    assert all(1 <= model.lines <= 16 for model in models())


@pytest.mark.parametrize(
    ("said", "named", "not_named"),
    [
        ("GXP9999", "gxp2135", "t46s"),
        ("Yealink X1", "t46s", "gxp2135"),
        ("BT 999", "budgetone-100", "gxp2135"),
        ("toaster", "vvx411", ""),
    ],
)
def test_an_unknown_model_names_the_known_ones(said: str, named: str, not_named: str) -> None:
    with pytest.raises(PhoneRefused, match="is unknown; known are") as caught:
        find_model(said)
    known = str(caught.value).partition("known are ")[2].split(", ")
    assert named in known
    assert not_named not in known


def test_whose_address_it_is() -> None:
    assert vendor_of_mac("000b82123456") == "grandstream"
    assert vendor_of_mac("000413123456") == "snom"
    assert vendor_of_mac("001122334455") is None
