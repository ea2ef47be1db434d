"""What a check yields."""

from __future__ import annotations

from appliance.config.places import KeyPath

#: Where it stands, and what is wrong.
Finding = tuple[KeyPath, str]
