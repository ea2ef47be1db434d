"""Writes the files of the dashboards anew: ``python -m scripts.dashboards``."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.dashboards.host import HOST
from scripts.dashboards.overview import OVERVIEW
from scripts.dashboards.registrar import REGISTRAR
from scripts.dashboards.shapes import Json
from scripts.dashboards.sip import SIP

PLACE = Path(__file__).resolve().parents[2] / "roles" / "monitoring" / "files" / "dashboards"
DASHBOARDS: dict[str, Json] = {"overview": OVERVIEW, "sip": SIP, "registrar": REGISTRAR, "host": HOST}


def text(dashboard: Json) -> str:
    """As it lies in its file."""
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (PLACE / f"{name}.json").write_text(text(dashboard))
