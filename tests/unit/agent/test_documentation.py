"""docs/management.md is held against the commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.agent.app import create_app
from appliance.agent.checkup import Checkup
from appliance.agent.commands import COMMANDS
from appliance.agent.history import History
from appliance.agent.page_door import Door
from appliance.agent.sip_process import SipProcess

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "management.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_command_of_the_fifo_is_documented() -> None:
    assert re.findall(r"^\| `(\w+)` \|", section("FIFO"), re.MULTILINE) == [
        *[
            "uptime",
            "version",
            "pwd",
            "arg",
            "which",
            "ps",
            "kill",
            "get_statistics",
            "reset_statistics",
            "list_blacklists",
        ],
        *["t_uac_dlg", "t_uac_cancel", "t_hash", "t_reply"],
        *["ul_add", "ul_rm", "ul_rm_contact", "ul_show_contact", "ul_dump", "ul_flush"],
        "pike_list",
        "sip_trace",
        *["nh_enable_ping", "nh_enable_rtpp", "nh_show_rtpp"],
        *["domain_reload", "domain_dump"],
        *["lcr_reload", "lcr_dump", "lcr_gw_dump", "lcr_lcr_dump"],
        *["pdt_list", "pdt_add", "pdt_delete", "pdt_reload"],
        *["trusted_reload", "trusted_dump", "address_reload", "address_dump", "subnet_dump"],
        *["tls_list", "tls_reload"],
    ]
    assert set(re.findall(r"^\| `(\w+)` \|", section("FIFO"), re.MULTILINE)) == set(COMMANDS)


def test_every_page_is_documented() -> None:
    process = SipProcess("/nowhere")
    app = create_app(process, History(process), Checkup([]), Door(None, local=True))
    routes = {rule.rule for rule in app.url_map.iter_rules()}
    assert set(re.findall(r"^\| `(/\w*)` \|", section("HTTP"), re.MULTILINE)) == routes
