"""The commands of the management interface, by the names that OpenSER 1.2 gave them.

``core``, ``tm``, ``usrloc`` and ``nathelper`` are the modules whose commands sipbox has; one of another
module is not there, and is answered as any unknown command is.
"""

from __future__ import annotations

from appliance.agent.commands import core, nathelper, tm, usrloc
from appliance.agent.commands.command import Command

COMMANDS: dict[str, Command] = {**core.COMMANDS, **tm.COMMANDS, **usrloc.COMMANDS, **nathelper.COMMANDS}
# Only now is it known what there is: `which` lists them all.
COMMANDS["which"] = core.which(COMMANDS)

__all__ = ["COMMANDS", "Command"]
