"""Which commands there are, and how many arguments they take."""

from __future__ import annotations

import pytest

from appliance.agent.commands import COMMANDS
from tests.unit.agent.commands.answering import Answering, run


def test_there_are_these_commands_and_no_others() -> None:
    assert sorted(COMMANDS) == sorted(
        [
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
            "t_uac_dlg",
            "t_uac_cancel",
            "t_hash",
            "t_reply",
            "ul_rm",
            "ul_rm_contact",
            "ul_dump",
            "ul_flush",
            "nh_enable_ping",
            "nh_enable_rtpp",
            "nh_show_rtpp",
            "domain_reload",
            "domain_dump",
            "pike_list",
            "sip_trace",
            "pdt_list",
            "pdt_add",
            "pdt_delete",
            "pdt_reload",
            "lcr_reload",
            "lcr_dump",
            "lcr_gw_dump",
            "lcr_lcr_dump",
            "trusted_reload",
            "trusted_dump",
            "address_reload",
            "address_dump",
            "subnet_dump",
            "tls_list",
            "tls_reload",
            "ul_add",
            "ul_show_contact",
        ]
    )


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("get_statistics", ()),
        ("reset_statistics", ()),
        ("t_uac_dlg", ("OPTIONS", "sip:a", ".", ".")),
        ("t_uac_dlg", ("OPTIONS", "sip:a", ".", ".", ".", "body", "more")),
        ("t_uac_cancel", ("call",)),
        ("t_uac_cancel", ("call", "1", "more")),
        ("t_reply", ("200", "OK", "1:2", "tag")),
        ("t_reply", ("200", "OK", "1:2", "tag", ".", "body", "more")),
        ("nh_enable_ping", ()),
        ("nh_enable_ping", ("1", "0")),
        ("nh_enable_rtpp", ("127.0.0.1:2223",)),
        ("nh_enable_rtpp", ("127.0.0.1:2223", "1", "0")),
        ("sip_trace", ("on", "off")),
        ("ul_rm", ("location",)),
        ("ul_rm_contact", ("location", "10@x")),
        ("ul_dump", ("brief", "more")),
        ("ul_add", ("location", "10@x", "sip:a", "0", "1", "0", "0", "0")),
        ("ul_show_contact", ("location", "10@x", "more")),
    ],
)
def test_too_few_or_too_many_arguments(command: str, values: tuple[str, ...]) -> None:
    assert run(Answering(), command, *values) == "400 Too few or too many arguments\n\n"
