"""The control socket: how the agent and the command line ask a running process for something.

A unix stream socket with one JSON object a line. A request is ``{"command": name, "args": {...}}``; its reply
is ``{"code": 200, "reason": "OK", "data": ...}``. A command that streams sends ``{"code": 100, "data": ...}``
for each item, and ends with ``{"code": 200, "reason": "OK", "streamed": how many}``. The next request may
follow on the same connection. What the commands mean is not known here: they are handed in.
"""

from __future__ import annotations

from appliance.control.client import ServerDown, call, exchange, stream
from appliance.control.server import ControlServer, Items, watched

__all__ = ["ControlServer", "Items", "ServerDown", "call", "exchange", "stream", "watched"]
