from __future__ import annotations

import pytest

from appliance.provisioning.naming import Asked, identify, mac_of_agent, vendor_of_agent

GXP = "Grandstream Model HW GXP2135 SW 1.0.7.97 DevId 000b828aa872"
T46 = "Yealink SIP-T46S 66.85.0.5 00:15:65:AA:BB:CC"
VVX = "FileTransport PolycomVVX-VVX_411-UA/5.9.0.9373"


@pytest.mark.parametrize(
    ("name", "agent", "expected"),
    [
        ("cfg000b82123456", "", Asked("000b82123456", "grandstream", "binary")),
        ("cfg000B82123456.xml", "", Asked("000b82123456", "grandstream", "xml")),
        ("001565aabbcc.cfg", "", Asked("001565aabbcc", "yealink", "settings")),
        ("0004f2aabbcc.cfg", "", Asked("0004f2aabbcc", "polycom", "master")),
        ("001122aabbcc.cfg", VVX, Asked("001122aabbcc", "polycom", "master")),
        ("001122aabbcc.cfg", T46, Asked("001122aabbcc", "yealink", "settings")),
        ("001122aabbcc.cfg", "", Asked("001122aabbcc", None, "settings")),
        ("001565aabbcc.boot", "", Asked("001565aabbcc", "yealink", "boot")),
        ("y000000000000.boot", T46, Asked("001565aabbcc", "yealink", "boot")),
        ("y000000000066.cfg", T46, Asked("001565aabbcc", "yealink", "common")),
        ("y000000000066.cfg", "", Asked(None, "yealink", "common")),
        ("snomD785-000413AABBCC.htm", "", Asked("000413aabbcc", "snom", "index")),
        ("snom370.htm", "", Asked(None, "snom", "index")),
        ("000413AABBCC.xml", "", Asked("000413aabbcc", "snom", "settings")),
        ("000e08aabbcc.xml", "", Asked("000e08aabbcc", "cisco", "settings")),
        ("001122aabbcc.xml", "Cisco/SPA504G-7.4.9c", Asked("001122aabbcc", "cisco", "settings")),
        ("000000000000.cfg", VVX, Asked(None, "polycom", "master")),
        ("0004f2aabbcc-user.cfg", "", Asked("0004f2aabbcc", "polycom", "settings")),
        ("spa504G.cfg", "", Asked(None, "cisco", "common")),
        ("spa525g2.cfg", "", Asked(None, "cisco", "common")),
        ("authority.pem", "", Asked(None, None, "authority")),
        ("authority.der", T46, Asked("001565aabbcc", None, "authority")),
    ],
)
def test_who_asks_for_what(name: str, agent: str, expected: Asked) -> None:
    assert identify(name, agent) == expected


@pytest.mark.parametrize(
    "name",
    ["", "index.html", "cfg.xml", "cfg000b8212345", "cfg000b82123456.cfg", "000b82123456", "y000000000066",
     "001565aabbcc.rom", "001565aabbcc-app.log", "snom.htm", "spa.cfg", "../001565aabbcc.cfg",
     "001565aabbcc.cfg\n", "٠٠١٥٦٥aabbcc.cfg", "0004f2aabbcc-phone.cfg",
     "000b82aabbcc.cfg", "000000000000.xml"],
)  # fmt: skip
def test_anything_else_is_nobodys(name: str) -> None:
    assert identify(name) is None


def test_a_known_vendor_counts_alone() -> None:
    assert identify("001565aabbcc.cfg", vendor="polycom") == Asked("001565aabbcc", "polycom", "master")
    assert identify("001565aabbcc.cfg", VVX, vendor="yealink") == Asked("001565aabbcc", "yealink", "settings")
    assert identify("cfg000b82123456", vendor="yealink") is None
    assert identify("000413aabbcc.xml", vendor="cisco") == Asked("000413aabbcc", "cisco", "settings")


@pytest.mark.parametrize(
    ("agent", "mac", "vendor"),
    [
        (GXP, "000b828aa872", "grandstream"),
        (T46, "001565aabbcc", "yealink"),
        (VVX, None, "polycom"),
        ("Mozilla/4.0 (compatible; snom370-SIP 8.7.3.19 1.1.4 000413AABBCC)", "000413aabbcc", "snom"),
        ("Linksys/SPA942-6.1.5(a) (000e08aabbcc)", "000e08aabbcc", "cisco"),
        ("curl/8.0", None, None),
        ("x" * 400 + GXP, None, None),
        ("0123456789abcdef0123", None, None),
    ],
)
def test_what_a_user_agent_tells(agent: str, mac: str | None, vendor: str | None) -> None:
    assert mac_of_agent(agent) == mac
    assert vendor_of_agent(agent) == vendor
