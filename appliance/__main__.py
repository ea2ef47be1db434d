"""``python -m appliance`` is the command ``sipbox``."""

from __future__ import annotations

from appliance.cli import main

if __name__ == "__main__":
    main()
