"""The commands of the management interface, by the names that OpenSER 1.2 gave them.

``MODULES`` are those whose commands sipbox has; one of another module is not there, and is answered as any
unknown command is.
"""

from __future__ import annotations

from appliance.agent.commands import (
    core,
    domain,
    lcr,
    nathelper,
    pdt,
    permissions,
    pike,
    siptrace,
    tls,
    tm,
    usrloc,
)
from appliance.agent.commands.command import Command

MODULES = (core, tm, usrloc, nathelper, domain, lcr, permissions, pdt, pike, siptrace, tls)
COMMANDS: dict[str, Command] = {}
for module in MODULES:
    COMMANDS |= module.COMMANDS
# Only now is it known what there is: `which` lists them all.
COMMANDS["which"] = core.which(COMMANDS)

__all__ = ["COMMANDS", "Command"]
